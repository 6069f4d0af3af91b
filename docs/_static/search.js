// Search as one types, in the dialog of every page and on the search page. The text of
// the book comes as a script (chinese_search.py), once a search field has the focus.
(() => {
  const ROOT = document.documentElement.dataset.content_root;
  const IN_DIALOG = 8; // pages that are shown
  const ON_PAGE = 40;
  let index; // a promise

  const load = () =>
    (index ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${ROOT}searchindex.js`;
      script.onload = resolve;
      script.onerror = () => ((index = undefined), script.remove(), reject());
      document.head.append(script);
    }));

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const withMarks = (pieces) =>
    pieces.map(([text, asked]) => (asked ? make("mark", {}, text) : text));

  const hitOf = ({ href, path, title, excerpt }, isFirst) => {
    const above = path.slice(isFirst ? 0 : 1, -1);
    const heading = make("span", { className: "search-hit-title" }, ...withMarks(title));
    const link = make("a", { href: ROOT + href, className: "search-hit" });
    if (above.length)
      link.append(make("span", { className: "search-hit-path" }, above.join(" › ")));
    link.append(heading);
    if (excerpt.length)
      link.append(make("span", { className: "search-hit-text" }, ...withMarks(excerpt)));
    return make("li", {}, link);
  };

  const pageOf = ({ hits: [first, ...more] }) => {
    const item = hitOf(first, true);
    if (more.length)
      item.append(make("ul", {}, ...more.map((hit) => hitOf(hit, false))));
    return item;
  };

  const attach = (form) => {
    const input = form.querySelector("input");
    const dialog = form.closest("dialog");
    const status = make("p", { className: "search-status", role: "status" });
    const list = make("ol", { className: "search-hits" });
    const panel = make("div", { className: "search-results" }, status, list);
    form.after(panel);

    const show = () => {
      const query = input.value.trim();
      const pages = query && window.bookSearch ? bookSearch.find(query) : [];
      const shown = pages.slice(0, dialog ? IN_DIALOG : ON_PAGE);
      list.replaceChildren(...shown.map(pageOf));
      status.replaceChildren(
        !query ? "" : pages.length ? `找到 ${pages.length} 页` : "没有找到，换一个说法试试",
      );
      panel.scrollTop = 0;
      if (dialog && pages.length > shown.length) {
        const href = `${form.action}?q=${encodeURIComponent(query)}`;
        status.append("，", make("a", { href }, "列出全部"));
      }
      if (!dialog) remember(query);
    };

    const search = async () => {
      if (!window.bookSearch) status.textContent = "正在载入全书文字……";
      try {
        await load();
        show();
      } catch {
        status.textContent = "全书文字载入失败，请再试一次";
      }
    };

    input.addEventListener("focus", () => load().catch(() => {}));
    input.addEventListener("input", (event) => event.isComposing || search());
    input.addEventListener("compositionend", search);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      search().then(() => list.querySelector("a")?.click());
    });

    form.parentElement.addEventListener("keydown", (event) => {
      if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
      const stops = [input, ...list.querySelectorAll("a")];
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape" && dialog?.open) {
        event.preventDefault(); // a search field would only be cleared
        dialog.close();
      } else if (step) {
        event.preventDefault();
        const place = stops.indexOf(document.activeElement);
        stops[(place + step + stops.length) % stops.length].focus();
      } else if (event.key.length === 1 && document.activeElement.matches(".search-hit")) {
        input.focus(); // the letter goes on with the query
      }
    });

    // The page that opens marks the words (sphinx_highlight.js).
    list.addEventListener("click", ({ target }) => {
      const link = target.closest("a");
      if (!link) return;
      if (link.pathname !== location.pathname) {
        const marks = [...link.querySelectorAll("mark")].map((mark) => mark.textContent);
        localStorage.setItem("sphinx_highlight_terms", [...new Set(marks)].join(" "));
      }
      dialog?.close();
    });
    return { input, search };
  };

  // The search page keeps its query in its address.
  const remember = (query) => {
    const address = new URL(location.href);
    if (query) address.searchParams.set("q", query);
    else address.searchParams.delete("q");
    history.replaceState(null, "", address);
  };

  const forms = [...document.querySelectorAll("form.bd-search")].map((form) => ({
    form,
    ...attach(form),
  }));

  const own = forms.find(({ form }) => !form.closest("dialog"));
  if (own) {
    own.input.value = new URLSearchParams(location.search).get("q") ?? "";
    own.input.focus();
    if (own.input.value) own.search();
  }

  // Ctrl+K is the theme's.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    if (own) own.input.focus();
    else document.getElementById("pst-search-dialog")?.showModal();
  });
})();
