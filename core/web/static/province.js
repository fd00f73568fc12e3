// Draws the charts of the province's pages with ECharts (SVG). A chart's figures stand in its data-chart as JSON, or
// are fetched from its data-chart-url; the table beside it says the same without this file.
//   {"kind":"bars","unit":"万元","categories":["1月"],"series":[{"name":"财政拨款","values":[1270],"line":false}]}
//   {"kind":"heat","columns":["入户率"],"rows":["泸州市"],"cells":[[0,0,70.2]],"pieces":[{"max":60,"label":"低","color":"#f6c9c4"}]}
//   {"kind":"tree","unit":"户","nodes":[{"name":"凉山州","value":17,"children":[]}]}
(function () {
  "use strict";
  var ink = "#475462", rule = "#e8ecf0", size = 13;
  var family = "Microsoft YaHei, PingFang SC, Noto Sans CJK SC, sans-serif";
  var bars = ["#1d4f91", "#6d97c9", "#c5d6ea", "#2f8a54", "#c98a12", "#808c99"];
  var text = { color: ink, fontSize: size, fontFamily: family };

  function thousands(value) { return Number(value).toLocaleString("en"); }

  function base(tooltip) {
    tooltip.renderMode = "richText";
    return { animation: false, aria: { enabled: false }, textStyle: text, tooltip: tooltip };
  }

  function barsOption(spec) {
    var barCount = 0;
    var option = base({ trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: thousands });
    option.grid = { left: 52, right: 20, top: 40, bottom: 30 };
    option.legend = { top: 8, right: 16, itemWidth: 14, itemHeight: 10, textStyle: text };
    option.xAxis = { type: "category", data: spec.categories, axisTick: { show: false },
      axisLine: { lineStyle: { color: "#c3cbd4" } }, axisLabel: text };
    option.yAxis = { type: "value", splitLine: { lineStyle: { color: rule } },
      axisLabel: Object.assign({ formatter: thousands }, text) };
    option.series = spec.series.map(function (one) {
      if (one.line) {
        return { name: one.name, type: "line", symbol: "circle", symbolSize: 5, data: one.values,
          lineStyle: { color: "#7a4b00", width: 1.5, type: "dashed" }, itemStyle: { color: "#7a4b00" } };
      }
      return { name: one.name, type: "bar", stack: "all", barMaxWidth: 22, data: one.values,
        itemStyle: { color: bars[barCount++ % bars.length] } };
    });
    return option;
  }

  function heatOption(spec) {
    var option = base({ valueFormatter: thousands });
    option.grid = { left: 80, right: 16, top: 12, bottom: 70 };
    option.xAxis = { type: "category", data: spec.columns, axisLabel: text, axisTick: { show: false } };
    option.yAxis = { type: "category", data: spec.rows, inverse: true, axisLabel: text, axisTick: { show: false } };
    option.visualMap = { type: "piecewise", orient: "horizontal", bottom: 4, left: "center", pieces: spec.pieces, textStyle: text };
    option.series = [{ type: "heatmap", data: spec.cells, label: { show: true, color: "#1c2733" },
      itemStyle: { borderColor: "#fff", borderWidth: 2 } }];
    return option;
  }

  function treeOption(spec) {
    var option = base({ valueFormatter: function (value) { return thousands(value) + " " + (spec.unit || ""); } });
    option.color = ["#1d4f91", "#2f6aa8", "#475f86", "#1a6337", "#7a4b00", "#5a3f99"];
    option.series = [{ type: "treemap", roam: false, nodeClick: false, breadcrumb: { show: false }, data: spec.nodes,
      left: 0, right: 0, top: 0, bottom: 0, label: { fontSize: size, fontFamily: family } }];
    return option;
  }

  var options = { bars: barsOption, heat: heatOption, tree: treeOption };

  function draw(box, spec) {
    var chart = window.echarts.init(box, null, { renderer: "svg" });
    chart.setOption(options[spec.kind](spec));
    window.addEventListener("resize", function () { chart.resize(); });
    box.dataset.drawn = "yes";
  }

  function refuse(box) { box.textContent = "图没有画出来，请看下面的表格。"; }

  document.querySelectorAll("[data-chart]").forEach(function (box) { draw(box, JSON.parse(box.dataset.chart)); });
  document.querySelectorAll("[data-chart-url]").forEach(function (box) {
    fetch(box.dataset.chartUrl, { headers: { Accept: "application/json" } })
      .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); })
      .then(function (spec) { draw(box, spec); })
      .catch(function () { refuse(box); });
  });
})();
