// A ✓ that is opened gets a link to report its equation: the page's own link to the
// form, with the number filled in. Made then, not before: a chapter has fifty of them.
const page = document.querySelector("a.erratum-link");

function offer({ target: mark }) {
  if (!mark.matches(".eq-check") || mark.querySelector(".erratum-link")) return;
  const number = mark.parentElement.querySelector(".eqno").firstChild.textContent;
  const form = new URL(page.href);
  form.searchParams.set("equation", `公式 ${number.trim()}`);
  const link = document.createElement("a");
  link.className = "erratum-link";
  link.href = form.href;
  link.textContent = "报告这个公式的错误";
  const line = document.createElement("div");
  line.append(link);
  mark.querySelector(".eq-check-panel").append(line);
}

if (page) document.addEventListener("toggle", offer, true); // it does not bubble
