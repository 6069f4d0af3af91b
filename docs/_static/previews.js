// What a link leads to, in a box beside it. What is on another page comes from a script
// of _static/previews (docs/_ext/previews.py): a page read from a file may not fetch.
if (HTMLElement.prototype.showPopover && document.querySelector("article")) {
  const LINKS = 'article a[class="reference internal"][href*="#"]:not(#preview a)';
  const SHOWN = "div.math,figure,table,dt,.citation,.exercise,.literal-block-wrapper";
  const root = new URL(document.documentElement.dataset.content_root, location);
  const make = (tag, has) => Object.assign(document.createElement(tag), has);
  const box = make("div", { id: "preview", popover: "auto", role: "tooltip" });
  let wanted, shown, tapped, timer;
  const find = async (link) => {
    const id = decodeURIComponent(link.hash.slice(1));
    if (link.pathname === location.pathname) return document.getElementById(id);
    const page = link.pathname.slice(root.pathname.length).replace(/\.html$/, "");
    const src = new URL(`_static/previews/${page}.js`, root);
    const load = (done) =>
      document.head.append(make("script", { src, onload: done, onerror: done }));
    if (!window.bookPreviews?.[page]) await new Promise(load); // id -> HTML
    const html = window.bookPreviews?.[page]?.[id] ?? "";
    return new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  };
  const show = async (link, touch) => { // tells whether there is nothing to show
    let piece = await find((wanted = link));
    if (wanted !== link || (link === shown && box.matches(":popover-open"))) return;
    box.hidePopover();
    if (!piece?.matches(SHOWN)) return true;
    box.replaceChildren(piece.cloneNode(true));
    while (piece.matches("dt")) // a term goes on to its explanation
      box.append((piece = piece.nextElementSibling).cloneNode(true));
    if (touch) box.append(make("a", { href: link.hash, textContent: "前往" }));
    for (const each of box.querySelectorAll("*")) {
      if (each.matches(".headerlink, .copybtn, details, script")) each.remove();
      for (const name of ["id", "tabindex"]) each.removeAttribute(name);
      for (const name of ["href", "src"]) // as seen from the page it comes from
        if (each[name]) each[name] = new URL(each.getAttribute(name), link);
    }
    shown?.removeAttribute("aria-describedby");
    (shown = link).setAttribute("aria-describedby", "preview"); // the box's anchor too
    box.showPopover();
  };
  const point = ({ target, pointerType }) => {
    const focused = document.activeElement.closest(`${LINKS}:focus-visible`);
    const link = box.contains(target) ? shown : (target.closest(LINKS) ?? focused);
    if (pointerType === "touch" || link === wanted) return;
    clearTimeout(timer);
    timer = setTimeout(() => (link ? show(link) : box.hidePopover()), 250);
    wanted = link;
  };
  document.querySelector("article").append(box);
  for (const type of ["pointerover", "focusin"]) addEventListener(type, point);
  addEventListener("keydown", ({ key }) => key === "Escape" && box.hidePopover());
  addEventListener("click", async (event) => { // a first tap shows, a second follows
    const link = event.target.closest(LINKS), again = link === tapped;
    const touch = event.pointerType === "touch" || matchMedia("(hover: none)").matches;
    clearTimeout(timer);
    tapped = link;
    if (!link || !touch || again) return event.target.closest("a") && box.hidePopover();
    event.preventDefault();
    if (await show(link, touch)) location.href = link.href;
  });
}
