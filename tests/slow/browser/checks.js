// Finds accessibility faults of a page. An expression: each member returns a list of faults.
({
  // What a screen reader needs, each rule with the first elements that break it.
  faults() {
    const faults = [];
    const all = (query) => [...document.querySelectorAll(query)];
    const text = (ids) => ids.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
    const name = (e) =>
      (e.ariaLabel || text(e.getAttribute("aria-labelledby") ?? "") || e.textContent || e.title || "").trim();
    const ids = all("[id]").map((e) => e.id);
    const referring = "aria-labelledby aria-describedby for".split(" ");
    const dangling = (e) =>
      referring.some((a) => (e.getAttribute(a) ?? "").split(" ").some((id) => id && !document.getElementById(id)));
    const report = (rule, broken) => {
      if (broken.length) faults.push([rule, broken.slice(0, 3).map((e) => e.outerHTML.slice(0, 160))]);
    };
    const skipped = [];
    let level = 0;
    for (const e of all("h1, h2, h3, h4")) {
      if (Number(e.tagName[1]) > level + 1) skipped.push(e);
      level = Number(e.tagName[1]);
    }
    report("a page has one main heading", all("h1").length === 1 ? [] : [document.body]);
    report("a page has one main landmark", all("main").length === 1 ? [] : [document.body]);
    report("a page has a language and a title", document.documentElement.lang && document.title ? [] : [document.body]);
    report("headings skip no level", skipped);
    report("fields have labels", all("input:not([type=hidden]), select, textarea").filter((e) => !e.labels?.length && !e.ariaLabel));
    report("controls have a name", all("button, a[href], summary").filter((e) => !name(e)));
    report("elements with a role have a name", all("[role=img], [role=group], [role=region], progress, nav, section").filter((e) => !name(e)));
    report("pictures have a text or are decoration", all("img:not([alt]), main svg:not([role=img], [aria-hidden], .plot *)"));
    report("no id is used twice", all("[id]").filter((e) => ids.indexOf(e.id) !== ids.lastIndexOf(e.id)));
    report("references point to an element", all("[aria-labelledby], [aria-describedby], [for]").filter(dangling));
    report("column headings have a scope", all("thead th:not([scope])"));
    report("the keyboard order is that of the page", all("[tabindex]").filter((e) => e.tabIndex > 0));
    return faults;
  },

  // Text with too little contrast to its background (WCAG 2.2, success criterion 1.4.3).
  pale() {
    const parse = (colour) => {
      const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
      return colour.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
    const behind = (e) => {
      const layers = [];
      for (; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
      return layers.reduce((below, top) => over(top, below), [255, 255, 255]);
    };
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const pale = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const e = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.closest("svg, .hidden, .skip, noscript, option")) continue;
      const style = getComputedStyle(e);
      const ground = behind(e);
      const [light, dark] = [luminance(over(parse(style.color), ground)), luminance(ground)].sort((x, y) => y - x);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if ((light + 0.05) / (dark + 0.05) < (large ? 3 : 4.5)) pale.push([e.outerHTML.slice(0, 120), style.color, String(ground)]);
    }
    return pale.slice(0, 5);
  },

  // What reaches beyond the right edge, if the page can be scrolled sideways.
  wide() {
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
    return out.slice(0, 5).map((e) => e.outerHTML.slice(0, 120));
  },

  // What has a part that is seen only when it is scrolled sideways.
  sideways() {
    const more = (e) => e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX);
    return [...document.querySelectorAll("main *")].filter(more).map((e) => e.outerHTML.slice(0, 120));
  },

  // The element with the focus, if that is not visible.
  unseen() {
    const e = document.activeElement;
    return e === document.body || getComputedStyle(e).outlineStyle !== "none" ? [] : [e.outerHTML.slice(0, 160)];
  },

  // What moves by itself.
  moving() {
    const moves = (style) => style.transitionDuration !== "0s" || style.animationName !== "none";
    return [...document.querySelectorAll("*")].filter((e) => moves(getComputedStyle(e))).map((e) => e.outerHTML.slice(0, 80));
  },
})
