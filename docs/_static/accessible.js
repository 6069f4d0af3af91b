// What only a running page knows: which boxes scroll, and that it is being printed.
{
  const BOXES = {
    ".equation-body": "公式",
    "div.highlight pre": "代码",
    ".pst-scrollable-table-container": "表格",
    ".figure-box": "图",
    ".chapter-map-box": "图",
  };
  const DIALOGS = {
    "pst-search-dialog": "搜索",
    "pst-primary-sidebar-modal": "全书目录",
    "pst-secondary-sidebar-modal": "本页目录",
  };

  // A phone shows no scroll bar: say at which ends a box goes on, and they fade.
  const markEnds = ({ target: box }) => {
    const rest = box.scrollWidth - box.clientWidth - box.scrollLeft;
    const ends = [box.scrollLeft > 1 && "start", rest > 1 && "end"];
    box.dataset.more = ends.filter(Boolean).join(" ");
  };

  // What is too wide scrolls in its box: let the keyboard reach that box, and name it.
  // Only while it is too wide: a chapter with fifty formulas is not fifty tab stops.
  const kinds = new Map();
  const watcher = new ResizeObserver((entries) => {
    for (const { target: box } of entries) {
      markEnds({ target: box });
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", `${kinds.get(box)}，可左右滚动`);
      } else {
        for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
      }
    }
  });
  for (const [selector, kind] of Object.entries(BOXES)) {
    for (const box of document.querySelectorAll(selector)) {
      kinds.set(box, kind);
      watcher.observe(box);
      box.addEventListener("scroll", markEnds, { passive: true });
    }
  }

  for (const [id, name] of Object.entries(DIALOGS)) {
    document.getElementById(id)?.setAttribute("aria-label", name);
  }

  // Paper is white.
  const { dataset } = document.documentElement;
  let theme;
  addEventListener("beforeprint", () => {
    theme = dataset.theme;
    dataset.theme = "light";
  });
  addEventListener("afterprint", () => {
    dataset.theme = theme;
  });
}
