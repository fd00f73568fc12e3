// Writes core/web/static/vendor, and the fonts of core/printing/vendor, from the packages that `npm ci` laid down. Reads nothing
// from the network.
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import postcss from "postcss";
import { PurgeCSS } from "purgecss";
import wawoff2 from "wawoff2";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");
const packages = join(here, "node_modules");
const vendor = join(here, "..", "static", "vendor");
const fonts = join(root, "core", "printing", "vendor");
// The last Chromium for Windows 7; nothing newer may be needed.
const target = "chrome109";

async function words(file) {
  const text = await readFile(join(here, file), "utf8");
  return text.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
}

async function pages(folder, suffixes) {
  const found = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!["node_modules", "vendor", "__pycache__"].includes(entry.name)) found.push(...await pages(path, suffixes));
    } else if (suffixes.some((suffix) => entry.name.endsWith(suffix))) {
      found.push(path);
    }
  }
  return found.sort();
}

/** Tabler's style sheet cut to the classes in our templates; without `data:` pictures, which the CSP refuses. */
async function tabler() {
  const css = await readFile(join(packages, "@tabler/core/dist/css/tabler.css"), "utf8");
  const content = [];
  for (const part of ["core", "plugins", "tenants", "worker"]) content.push(...await pages(join(root, part), [".html"]));
  content.push(...await pages(join(here, "..", "static"), [".js"]));
  const [cut] = await new PurgeCSS().purge({
    content, css: [{ raw: css }], safelist: await words("keep.txt"),
    variables: true, keyframes: true, fontFace: true,
  });
  const tree = postcss.parse(cut.css);
  tree.walkDecls((declaration) => {
    if (declaration.value.includes("url(")) declaration.remove();
  });
  tree.walkRules((rule) => {
    if (rule.nodes.length === 0) rule.remove();
  });
  const { code } = await esbuild.transform(tree.toString(), { loader: "css", minify: true, target });
  const refused = code.match(/color-mix\(|light-dark\(|oklch\(|@layer|@container|url\(/);
  if (refused) throw new Error(`tabler.css holds ${refused[0]}, which Chromium 109 or the CSP refuses`);
  return `/* Tabler 1.0.0, MIT; see NOTICES.txt */\n${code}`;
}

async function sprite() {
  const symbols = [];
  for (const name of await words("icons.txt")) {
    const svg = await readFile(join(packages, "@tabler/icons/icons/outline", `${name}.svg`), "utf8");
    const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"))
      .replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*\/>/, "")
      .replace(/\s+/g, " ").replace(/ ?\/> ?/g, "/>").trim();
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`;
}

async function echarts() {
  const result = await esbuild.build({
    entryPoints: [join(here, "echarts.entry.js")], bundle: true, minify: true, write: false,
    format: "iife", globalName: "echarts", target, legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  return `/* Apache ECharts, Apache-2.0; see NOTICES.txt */\n${result.outputFiles[0].text}`;
}

/** Hanazono Mincho's slices beyond what Noto Serif SC draws, as TrueType for the typesetter: once for each version. */
async function rareCharacters() {
  const { version } = JSON.parse(await readFile(join(packages, "hanamin", "package.json"), "utf8"));
  const made = await readFile(join(fonts, "VERSION"), "utf8").catch(() => "");
  if (made === version) return;
  const fresh = `${fonts}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  const wanted = /^(HanaMinB|HanaMinA\.CJK-Compatibility-Ideographs).*\.woff2$/;
  for (const name of (await readdir(join(packages, "hanamin"))).filter((found) => wanted.test(found)).sort()) {
    const font = await wawoff2.decompress(await readFile(join(packages, "hanamin", name)));
    await writeFile(join(fresh, name.replace(/woff2$/, "ttf")), font);
  }
  await writeFile(join(fresh, "NOTICES.txt"), "Hanazono Mincho (花園明朝) by GlyphWiki: OFL-1.1 or the GlyphWiki licence; converted from the package hanamin.\n");
  await writeFile(join(fresh, "VERSION"), version);
  await rm(fonts, { recursive: true, force: true });
  await rename(fresh, fonts);
  console.log(`${relative(root, fonts)}  ${version}`);
}

/** The licences of what is shipped, as they ask. */
async function notices() {
  const parts = [];
  for (const [name, file] of [
    ["@tabler/core", "LICENSE"], ["bootstrap", "LICENSE"], ["@tabler/icons", "LICENSE"], ["htmx.org", "LICENSE"],
    ["echarts", "LICENSE"], ["echarts", "NOTICE"], ["zrender", "LICENSE"], ["tslib", "LICENSE.txt"],
  ]) {
    const text = await readFile(join(packages, name, file), "utf8");
    const { version } = JSON.parse(await readFile(join(packages, name, "package.json"), "utf8"));
    parts.push(`== ${name} ${version}: ${file} ==\n\n${text.trim()}\n`);
  }
  return parts.join("\n\n");
}

const files = {
  "tabler.css": await tabler(),
  "icons.svg": await sprite(),
  "htmx.min.js": await readFile(join(packages, "htmx.org/dist/htmx.min.js"), "utf8"),
  "echarts.js": await echarts(),
  "NOTICES.txt": await notices(),
};
await rm(vendor, { recursive: true, force: true });
await mkdir(vendor, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  await writeFile(join(vendor, name), text);
  const kilobytes = (gzipSync(text).length / 1000).toFixed(1);
  console.log(`${relative(root, join(vendor, name))}  ${kilobytes} kB gzip`);
}
await rareCharacters();
