// Small conveniences. Every page works without this file.
(function () {
  "use strict";
  document.documentElement.classList.add("js");

  function meta(name) {
    var found = document.querySelector('meta[name="' + name + '"]');
    return found ? found.content : "";
  }

  // Every request of htmx carries the token that forms carry in a hidden field.
  document.addEventListener("htmx:configRequest", function (event) {
    event.detail.headers["X-CSRF-Token"] = meta("csrf-token");
  });
  document.addEventListener("htmx:beforeRequest", function (event) {
    event.detail.target.classList.add("loading");
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    event.detail.target.classList.remove("loading");
  });
  document.addEventListener("htmx:responseError", function (event) {
    tell("没有办成（" + event.detail.xhr.status + "）。输入还在，请再试；仍不行时把这个编号告诉管理员。");
  });
  document.addEventListener("htmx:sendError", function () {
    tell("连不上服务器，没有保存。输入还在，请检查网络后再试。");
  });

  function tell(text) {
    var flash = document.getElementById("flash");
    if (!flash) return;
    var bar = document.createElement("div");
    bar.className = "note t-bad";
    bar.textContent = text;
    flash.replaceChildren(bar);
  }

  // A value shown in full is masked again by itself; the print and the next person at the window see the mask.
  function remask(root) {
    root.querySelectorAll("[data-remask]").forEach(function (shown) {
      var seconds = Number(shown.dataset.remask) || 60;
      shown.removeAttribute("data-remask");
      setTimeout(function () { shown.textContent = shown.dataset.masked; }, seconds * 1000);
    });
  }

  // A running job is asked for news; less and less often, and not while nobody looks.
  function poll(root) {
    root.querySelectorAll("[data-poll]").forEach(function (box) {
      var wait = Number(box.dataset.poll) * 1000;
      (function again(delay) {
        setTimeout(function () {
          if (!document.contains(box)) return;
          if (document.hidden) { again(Math.min(delay * 2, 60000)); return; }
          window.htmx.trigger(box, "bangfu:poll");
          again(wait);
        }, delay);
      })(wait);
      box.removeAttribute("data-poll");
    });
  }

  function focusSummary(root) {
    var summary = root.querySelector("[data-focus]");
    if (summary) summary.focus();
  }

  // A field that counts only beside certain values of another one; what is hidden is not sent.
  function conditions(root) {
    root.querySelectorAll("[data-shown-if]").forEach(function (part) {
      var form = part.closest("form"), other = form && form.elements[part.dataset.shownIf];
      if (!other) return;
      function look() {
        part.hidden = part.dataset.shownValues.split("|").indexOf(other.value) < 0;
        part.querySelectorAll("input, select, textarea").forEach(function (box) { box.disabled = part.hidden; });
      }
      form.addEventListener("change", look);
      look();
    });
  }

  function prepare(root) { remask(root); poll(root); focusSummary(root); conditions(root); }
  document.addEventListener("htmx:load", function (event) {
    var part = event.detail.elt;
    if (part === document.body) return;
    prepare(part.parentElement || part);
  });
  prepare(document);

  // Lists: J and K move, Enter opens.
  function step(by) {
    var rows = Array.from(document.querySelectorAll("[data-row]"));
    if (!rows.length) return;
    var at = rows.findIndex(function (row) { return row.classList.contains("on"); });
    var next = Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by));
    if (at >= 0) rows[at].classList.remove("on");
    rows[next].classList.add("on");
    var link = rows[next].querySelector("[data-open], a[href]");
    if (link) link.focus({ preventScroll: true });
    rows[next].scrollIntoView({ block: "nearest" });
  }

  // In the search box: arrows choose among the results, Enter opens the chosen one, Escape closes.
  function choose(event) {
    var items = Array.from(document.querySelectorAll("#found .it"));
    if (event.key === "Escape") { document.getElementById("found").replaceChildren(); return; }
    if (!items.length) return;
    var at = items.findIndex(function (item) { return item.getAttribute("aria-selected") === "true"; });
    if (event.key === "Enter" && at >= 0 && items[at].href) {
      event.preventDefault();
      location.assign(event.ctrlKey && items[at].dataset.apply ? items[at].dataset.apply : items[at].href);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      var next = (at + (event.key === "ArrowDown" ? 1 : -1) + items.length) % items.length;
      items.forEach(function (item, index) { item.setAttribute("aria-selected", String(index === next)); });
    }
  }

  var keys = [
    ["/", "查找"], ["J  K", "列表上下"], ["Enter", "打开"], ["N", "新建"], ["Ctrl S", "保存"], ["?", "这张表"],
  ];
  function help() {
    var open = document.querySelector("dialog.help");
    if (open) { open.remove(); return; }
    var dialog = document.createElement("dialog");
    dialog.className = "help";
    dialog.setAttribute("aria-label", "快捷键");
    var heading = document.createElement("h2");
    heading.textContent = "快捷键";
    var list = document.createElement("dl");
    list.className = "kv";
    keys.forEach(function (pair) {
      var term = document.createElement("dt"), key = document.createElement("kbd"), words = document.createElement("dd");
      key.textContent = pair[0];
      words.textContent = pair[1];
      term.append(key);
      list.append(term, words);
    });
    var close = document.createElement("button");
    close.className = "btn";
    close.type = "button";
    close.textContent = "关闭";
    close.addEventListener("click", function () { dialog.close(); });
    dialog.addEventListener("close", function () { dialog.remove(); });
    dialog.append(heading, list, close);
    document.body.append(dialog);
    dialog.showModal();
  }

  function save(event) {
    var field = document.activeElement;
    var form = (field && field.closest("form[method=post]")) || document.querySelector("form[data-save]");
    if (!form) return;
    event.preventDefault();
    form.requestSubmit();
  }

  document.addEventListener("keydown", function (event) {
    if (event.target.id === "find-box") choose(event);
    if (event.ctrlKey && event.key === "s") { save(event); return; }
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (meta("bangfu-shortcuts") !== "on") return;
    var make = document.querySelector("[data-new]");
    var box = document.getElementById("find-box");
    if (event.key === "/" && box) { event.preventDefault(); box.focus(); }
    else if (event.key === "j" || event.key === "J") step(1);
    else if (event.key === "k" || event.key === "K") step(-1);
    else if ((event.key === "n" || event.key === "N") && make) make.click();
    else if (event.key === "?") help();
  });
})();
