// What a link leads to, in a box beside it. What is on another page comes from a script
// of _static/previews (docs/_ext/previews.py): a page read from a file may not fetch.
const LINKS = 'article a[class="reference internal"][href*="#"]';
const SHOWN = "div.math, figure, table, dt, .citation, .exercise, .literal-block-wrapper";
const LEFT_OUT = ".headerlink, .copybtn, details, script";
const root = new URL(document.documentElement.dataset.content_root, location);
const box = Object.assign(document.createElement("div"), { id: "preview", popover: "auto" });
const loading = {}, data = (window.bookPreviews = {}); // page -> id -> HTML
let wanted = null, shown = null, tapped = null, touching = false, timer = 0;

async function find(link) {
  const id = decodeURIComponent(link.hash.slice(1));
  if (link.pathname === location.pathname) return document.getElementById(id);
  const page = link.pathname.slice(root.pathname.length).replace(/\.html$/, "");
  await (loading[page] ??= new Promise((done) => {
    const src = new URL(`_static/previews/${page}.js`, root);
    const script = Object.assign(document.createElement("script"), { src });
    script.onload = script.onerror = done;
    document.head.append(script);
  }));
  const pieces = Object.assign(document.createElement("template"), { innerHTML: data[page]?.[id] ?? "" });
  return pieces.content.firstElementChild;
}

function fill(target, link, touched) {
  box.replaceChildren(target.cloneNode(true));
  for (; target.matches("dt"); box.append(target.cloneNode(true))) target = target.nextElementSibling;
  box.querySelectorAll(LEFT_OUT).forEach((element) => element.remove());
  for (const name of ["id", "tabindex"]) box.querySelectorAll(`[${name}]`).forEach((element) => element.removeAttribute(name));
  if (touched) box.insertAdjacentHTML("beforeend", `<p><a href="${link.hash}">前往</a></p>`);
  for (const image of box.querySelectorAll("img")) image.src = new URL(image.getAttribute("src"), link.href);
  for (const inner of box.querySelectorAll("a")) Object.assign(inner, { href: new URL(inner.getAttribute("href"), link.href), tabIndex: -1 });
}
