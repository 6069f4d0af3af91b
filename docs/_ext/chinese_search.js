// Looks into the text of the book (chinese_search.py); search.js shows what it finds.
//
// Both sides are folded alike: lower case, no accents, β as "beta", signs as spaces. A
// run of ideographs is found wherever it stands; another word where a word is equal,
// is another form of it, begins with it, or (from four letters on) contains it.
window.bookSearch = (() => {
  const HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{323af}";
  const TOKEN = new RegExp(`[${HAN}]+|(?:(?![${HAN}])[\\p{L}\\p{N}])+`, "gu");
  const IS_HAN = new RegExp(`^[${HAN}]`, "u");
  const LETTERS =
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron " +
    "pi rho sigma sigma tau upsilon phi chi psi omega";
  const GREEK = Object.fromEntries(LETTERS.split(" ").map((name, i) => [945 + i, name]));
  const VARIANTS = { ϵ: "epsilon", ϑ: "theta", ϕ: "phi", ϖ: "pi", ϱ: "rho", ϰ: "kappa" };
  const UNSAID = new Set("a an and are for how in is of on the to what why with".split(" "));
  const ASKED = /什么是|是什么|为什么|怎么样?|怎样|如何|以及|[的与和吗呢了]/u;
  const ENDING = /(?:(?:at)?ions?|(?:at)?ors?|ings?|ed|ies|es|s|e|y)$/;

  const letterOf = (character) =>
    GREEK[character.codePointAt(0)] ?? VARIANTS[character] ?? character;

  const fold = (text) =>
    text
      .normalize("NFKD")
      .replace(/[\u0300-\u036f]/g, "")
      .toLowerCase()
      .replace(/[α-ωϵϑϕϖϱϰ]/gu, letterOf);

  const tokensOf = (text) => fold(text).match(TOKEN) ?? [];

  // The tokens with the borders between words, so that phrases can be compared.
  const phraseOf = (text) => ` ${tokensOf(text).join(" ")} `;

  let sections = [];
  let words = new Set(); // all words but the Chinese ones
  let synonyms = new Map(); // from a name to the names that mean the same
  let occurs = () => false; // whether a run of ideographs stands anywhere

  const load = ({ pages, names }) => {
    sections = pages.flatMap(([page, url, entries]) => {
      const path = [];
      return entries.map(([level, anchor, title, text]) => {
        path.splice(level - 1, Infinity, title);
        const href = anchor ? `${url}#${anchor}` : url;
        return { page, href, level, title, path: [...path], text };
      });
    });
    for (const section of sections) {
      section.heading = phraseOf(section.title);
      section.above = phraseOf(section.path.slice(0, -1).join(" "));
      section.phrases = phraseOf(`${section.title} ${section.text}`);
      section.counts = new Map();
      for (const word of section.phrases.split(" "))
        section.counts.set(word, (section.counts.get(word) ?? 0) + 1);
      for (const word of section.counts.keys()) if (!IS_HAN.test(word)) words.add(word);
    }
    words.delete("");
    const memory = new Map();
    occurs = (run) => {
      if (!memory.has(run))
        memory.set(run, sections.some((section) => section.phrases.includes(run)));
      return memory.get(run);
    };
    for (const group of names)
      for (const name of group) {
        const key = phraseOf(name);
        const others = group.filter((other) => other !== name);
        synonyms.set(key, [...(synonyms.get(key) ?? []), ...others]);
      }
  };

  // -- Reading a query --------------------------------------------------------------
  // A run that stands nowhere is cut into the longest pieces that do; [] if it cannot.
  const piecesOf = (run) => {
    if (occurs(run)) return [run];
    for (let end = run.length - 1; end >= 2; end--) {
      if (!occurs(run.slice(0, end))) continue;
      const rest = run.length - end >= 2 ? piecesOf(run.slice(end)) : [];
      if (rest.length) return [run.slice(0, end), ...rest];
    }
    return [];
  };

  const runsOf = (run) => {
    if (occurs(run)) return [run];
    const parts = run.split(ASKED).filter((part) => part);
    const pieces = parts.map(piecesOf);
    return pieces.every((piece) => piece.length) && parts.length ? pieces.flat() : [run];
  };

  // For a word, the words of the book that answer it, and how well each does.
  const answersTo = (word) => {
    const stem = word.length > 4 ? word.replace(ENDING, "") : word;
    const isForm = (other) =>
      stem.length > 3 && other.startsWith(stem) && other.length <= stem.length + 5;
    const grade = (other) => {
      if (other === word) return 1;
      if (isForm(other)) return 0.8;
      if (word.length > 2 && other.startsWith(word)) return 0.5;
      return word.length > 3 && other.includes(word) ? 0.2 : 0;
    };
    return [...words].map((other) => [other, grade(other)]).filter(([, g]) => g);
  };

  const readWord = (word) => {
    if (!IS_HAN.test(word)) {
      const answers = answersTo(word);
      const inText = (text) =>
        Math.max(0, ...answers.map(([w, g]) => (text.includes(` ${w} `) ? g : 0)));
      const inSection = ({ counts }) =>
        answers.reduce((sum, [w, g]) => sum + g * (counts.get(w) ?? 0), 0);
      return { inText, inSection, shown: answers.map(([w]) => w) };
    }
    const inText = (text) => (text.includes(word) ? 1 : 0);
    const inSection = ({ phrases }) => phrases.split(word).length - 1;
    return { inText, inSection, shown: [word] };
  };

  const read = (query) => {
    const tokens = tokensOf(query);
    const said = tokens.filter((token) => !UNSAID.has(token));
    const asked = said.length ? said : [];
    const cut = asked.flatMap((token) => (IS_HAN.test(token) ? runsOf(token) : [token]));
    return { phrase: ` ${tokens.join(" ")} `, words: cut.map(readWord) };
  };

  // -- Finding ----------------------------------------------------------------------
  const contains = (text, phrase) =>
    text.includes(IS_HAN.test(phrase.trim()) ? phrase.trim() : phrase);

  // 0 unless each word stands in the section or in the headings above it.
  const scoreOf = (section, { phrase, words: asked }) => {
    let score = 0;
    for (const { inText, inSection } of asked) {
      const count = inSection(section);
      const above = inText(section.above);
      if (!count && !above) return 0;
      score += 12 * inText(section.heading) + 4 * above + 3 * Math.log2(1 + count);
    }
    score /= asked.length;
    if (section.counts.size && contains(section.phrases, phrase)) score += 8;
    if (contains(section.heading, phrase)) score += section.level === 1 ? 30 : 15;
    if (section.heading === phrase) score += 10;
    return score;
  };

  const MANY = 3; // sections that are shown of one page

  const findPages = (read_) => {
    const pages = new Map();
    if (!read_.words.length) return pages;
    for (const section of sections) {
      const score = scoreOf(section, read_);
      if (!score) continue;
      if (!pages.has(section.page)) pages.set(section.page, []);
      pages.get(section.page).push({ section, score });
    }
    return pages;
  };

  // Words that stand apart from each other in one page: it is a hit, after the others.
  const findApart = ({ words: asked }) => {
    const hits = new Map();
    for (const page of new Set(sections.map((section) => section.page))) {
      const inside = sections.filter((section) => section.page === page);
      const has = ({ inSection }) => inside.some((section) => inSection(section));
      if (asked.length < 2 || !asked.every(has)) continue;
      const matched = (section) => asked.filter((w) => w.inSection(section)).length;
      const best = inside.reduce((a, b) => (matched(b) > matched(a) ? b : a));
      hits.set(page, [{ section: best, score: 1 }]);
    }
    return hits;
  };

  // A page that speaks of it in many sections comes before one that mentions it once.
  const rank = (hits) => {
    hits.sort((a, b) => b.score - a.score);
    const spread = Math.log2(hits.reduce((sum, { score }) => sum + Math.min(score, 20), 1));
    return { hits: hits.slice(0, MANY), score: hits[0].score + 3 * spread };
  };

  const find = (query) => {
    const asked = read(query);
    const others = (synonyms.get(asked.phrase) ?? []).map(read);
    let pages = new Map();
    for (const [reading, weight] of [[asked, 1], ...others.map((other) => [other, 0.7])])
      for (const [page, hits] of findPages(reading)) {
        const known = new Map((pages.get(page) ?? []).map((hit) => [hit.section, hit]));
        for (const { section, score } of hits)
          if (!(known.get(section)?.score > score * weight))
            known.set(section, { section, score: score * weight });
        pages.set(page, [...known.values()]);
      }
    if (!pages.size) pages = findApart(asked);
    const shown = [asked, ...others].flatMap(({ words: w }) => w.flatMap((x) => x.shown));
    const ranked = [...pages].map(([page, hits]) => ({ page, ...rank(hits) }));
    ranked.sort((a, b) => b.score - a.score);
    return ranked.map(({ page, hits }) => ({
      page,
      hits: hits.map(({ section }) => ({
        href: section.href,
        path: section.path,
        title: marked(section.title, shown),
        excerpt: excerpt(section.text, shown),
      })),
    }));
  };

  // -- Showing ----------------------------------------------------------------------
  // Cut a text into pieces, [text, whether it was asked for].
  const marked = (text, shown) => {
    const places = matches(text, shown);
    const pieces = [];
    let end = 0;
    for (const [from, to] of places) {
      if (from < end) continue;
      if (from > end) pieces.push([text.slice(end, from), false]);
      pieces.push([text.slice(from, to), true]);
      end = to;
    }
    if (end < text.length) pieces.push([text.slice(end), false]);
    return pieces;
  };

  const matches = (text, shown) => {
    const han = shown.filter((word) => IS_HAN.test(word));
    const latin = new Set(shown.filter((word) => !IS_HAN.test(word)));
    const places = [];
    // A folded character may be longer than itself: compare token by token.
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      if (latin.has(fold(token))) places.push([index, index + token.length]);
      if (IS_HAN.test(token))
        for (const word of han)
          for (let at = token.indexOf(word); at >= 0; at = token.indexOf(word, at + 1))
            places.push([index + at, index + at + word.length]);
    }
    return places.sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  };

  const BEFORE = 24;
  const LENGTH = 110;

  // The stretch of the text that has the most of what was asked for.
  const excerpt = (text, shown) => {
    const places = matches(text, shown);
    const kinds = ([from]) => {
      const near = places.filter(([a]) => a >= from && a < from + LENGTH - BEFORE);
      return new Set(near.map(([a, b]) => text.slice(a, b).toLowerCase())).size;
    };
    let best = places[0] ?? [0, 0];
    for (const place of places.slice(0, 200)) if (kinds(place) > kinds(best)) best = place;
    const start = best[0] > BEFORE ? best[0] - BEFORE : 0;
    const end = Math.min(start + LENGTH, text.length);
    const cut = (start ? "…" : "") + text.slice(start, end) + (end < text.length ? "…" : "");
    return marked(cut, shown);
  };

  return { load, find, tokensOf };
})();
