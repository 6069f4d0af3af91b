// What only a running page knows: which boxes scroll, and that it is being printed.
{
  const BOXES = {
    ".equation-body": "公式",
    "div.highlight pre": "代码",
    ".pst-scrollable-table-container": "表格",
    ".figure-box": "图",
  };
  const DIALOGS = {
    "pst-search-dialog": "搜索",
    "pst-primary-sidebar-modal": "全书目录",
    "pst-secondary-sidebar-modal": "本页目录",
  };

  // What is too wide scrolls in its box: let the keyboard reach that box, and name it.
  // Only while it is too wide: a chapter with fifty formulas is not fifty tab stops.
  const kinds = new Map();
  const watcher = new ResizeObserver((entries) => {
    for (const { target: box } of entries) {
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
