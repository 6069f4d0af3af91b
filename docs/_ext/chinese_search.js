// The browser's half of chinese_search.py. Sphinx puts this text into language_data.js,
// which the search page loads after searchtools.js and before the index.
(() => {
  const HAN =
    "\\u3005\\u3007\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff" +
    "\\u{20000}-\\u{323af}";
  const HAN_RUN = new RegExp(`^[${HAN}]+$`, "u");
  const TOKEN = new RegExp(`[${HAN}]+|(?:(?![${HAN}])[\\p{L}\\p{N}_])+`, "gu");

  const queryTokens = (query) =>
    (query.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").match(TOKEN) ?? [])
      .map((token) => token.replace(/^_+|_+$/g, ""))
      .filter((token) => token);

  const pairs = (run) => {
    const characters = [...run];
    return characters.slice(1).map((character, i) => characters[i] + character);
  };

  // Called by Sphinx; query_terms in chinese_search.py does the same.
  const termsOf = (token) =>
    HAN_RUN.test(token) && [...token].length > 1 ? pairs(token) : [token.toLowerCase()];
  splitQuery = (query) => queryTokens(query).flatMap(termsOf);

  window.Stemmer = class {
    #porter = new PorterStemmer();

    stemWord(word) {
      return /^[a-z]+$/.test(word) ? this.#porter.stemWord(word) : word;
    }
  };

  // What follows replaces parts of Sphinx's search that assume words between spaces.
  let phrase = ""; // the last query, as titles and excerpts are compared with it

  const squeeze = (text) => text.toLowerCase().replace(/[\s_-]+/g, "");

  // Highlight whole words of the query, not the pairs of characters they are found by.
  const parseQuery = Search._parseQuery;
  Search._parseQuery = (query) => {
    phrase = query.trim().toLowerCase();
    const [text, terms, excluded, , objects] = parseQuery(query);
    const words = queryTokens(query).map((token) => token.toLowerCase());
    const highlight = new Set(words.filter((word) => !stopwords.has(word)));
    localStorage.setItem("sphinx_highlight_terms", [...highlight].join(" "));
    return [text, terms, excluded, highlight, objects];
  };

  const OFTEN = "\ue000"; // marks terms that a page has often (chinese_search.py)

  const filesOf = (index, word) =>
    Object.hasOwn(index, word) ? [index[word]].flat() : [];

  // Return a map from file to score. Part of a word counts where no whole word matches.
  const scoresOf = (word) => {
    const { terms, titleterms } = Search._index;
    const scores = new Map();
    const add = (files, score) => files.forEach((file) => scores.set(file, score));
    add(filesOf(terms, word), Scorer.term);
    add(filesOf(titleterms, word), Scorer.title);
    if (scores.size === 0 && word.length > 2) {
      const containing = (index) =>
        Object.keys(index)
          .filter((term) => term.includes(word))
          .flatMap((term) => filesOf(index, term));
      add(containing(terms), Scorer.partialTerm);
      add(containing(titleterms), Scorer.partialTitle);
    }
    for (const often of [OFTEN, OFTEN + OFTEN])
      for (const file of filesOf(terms, often + word))
        if (scores.has(file)) scores.set(file, scores.get(file) + 2);
    return scores;
  };

  // Every term must occur. Sphinx lets terms of one or two letters be absent.
  Search.performTermsSearch = (searchTerms) => {
    const { docnames, filenames, titles } = Search._index;
    const found = [...searchTerms].map(scoresOf);
    const files = found.length ? [...found[0].keys()] : [];
    return files
      .filter((file) => found.every((scores) => scores.has(file)))
      .map((file) => {
        const sum = found.reduce((total, scores) => total + scores.get(file), 0);
        const name = [docnames[file], titles[file], "", null];
        return [...name, sum / found.length, filenames[file], SearchResultKind.text];
      });
  };

  // First the pages with the query in their title or file name (which is the English
  // name of the topic), then sections and other titles, then the glossary, then text.
  Scorer.score = ([docname, title, anchor, , score, , kind]) => {
    if (kind === SearchResultKind.index) return Math.min(score, 12);
    const names = anchor === "" ? [title, docname] : [];
    const named = names.some((name) => squeeze(name).includes(squeeze(phrase)));
    return named ? score + 10 : score;
  };

  // A page of which entries of the glossary are hits is not a hit as a whole as well.
  const performSearch = Search._performSearch;
  Search._performSearch = (...parsed) => {
    const results = performSearch(...parsed);
    const isEntry = ([, , , , , , kind]) => kind === SearchResultKind.index;
    const entries = new Set(results.filter(isEntry).map(([docname]) => docname));
    return results.filter(
      (result) => isEntry(result) || result[2] !== "" || !entries.has(result[0]),
    );
  };

  // The article without its navigation; a formula once, not also as its source.
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const noise = ".headerlink, .katex-mathml, script, style, button";
    page.querySelectorAll(noise).forEach((element) => element.remove());
    const article = page.querySelector("article") ?? page.querySelector("[role=main]");
    const section = anchor && page.getElementById(decodeURIComponent(anchor.slice(1)));
    return ((section || article)?.textContent ?? "").replace(/\s+/g, " ").trim();
  };

  Search.makeSearchSummary = (html, keywords, anchor) => {
    const text = Search.htmlToText(html, anchor);
    const textLower = text.toLowerCase();
    const found = [phrase, ...queryTokens(phrase), ...keywords]
      .map((word) => textLower.indexOf(word.toLowerCase()))
      .find((position) => position >= 0);
    const start = Math.max((found ?? 0) - 40, 0);
    const end = start + 120;
    const summary = document.createElement("p");
    summary.classList.add("context");
    const before = start > 0 ? "…" : "";
    const after = end < text.length ? "…" : "";
    summary.textContent = before + text.slice(start, end) + after;
    return summary;
  };

  // A browser refuses to fetch pages from file://, with an error in the console.
  if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
})();
