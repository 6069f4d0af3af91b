// A formula that is too wide scrolls in its box: let the keyboard reach that box.
// Only while it is too wide: a chapter with fifty formulas is not fifty tab stops.
const watcher = new ResizeObserver((entries) => {
  for (const { target: box } of entries) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "公式，可左右滚动");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
});
document.querySelectorAll(".equation-body").forEach((box) => watcher.observe(box));
