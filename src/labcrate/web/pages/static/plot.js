// Plots the readings. The server only sends the points that the width needs; zooming in requests more.

const language = document.documentElement.lang;
const LOCALE = `${language}-lab`;
const LINE_STYLES = ["solid", "dash", "dot", "dashdot"];
const PANEL_HEIGHT = 150;
const MORE_HEIGHT = 110;

export function watchPlot(container, checkboxes) {
  const start = () => new Plot(container, checkboxes).begin();
  // Plotly is large: it is loaded when the plot comes near the screen.
  const observer = new IntersectionObserver(
    (seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      observer.disconnect();
      start();
    },
    { rootMargin: "400px" },
  );
  observer.observe(container);
}

class Plot {
  constructor(container, checkboxes) {
    this.container = container;
    this.checkboxes = checkboxes;
    this.message = container.querySelector(".plot-message");
    this.drawing = document.createElement("div");
    this.fullRange = [Date.parse(container.dataset.from), Date.parse(container.dataset.to)];
    this.range = this.fullRange;
    this.latestRequest = 0;
    this.timer = 0;
    this.loaded = new Map();
    this.drawn = Promise.resolve();
  }

  async begin() {
    try {
      await loadPlotly(this.container.dataset.plotly);
    } catch {
      return this.showMessage(this.container.dataset.failed);
    }
    Plotly.register(locale());
    this.container.append(this.drawing);
    this.drawing.tabIndex = 0;
    this.drawing.setAttribute("role", "group");
    this.drawing.setAttribute("aria-label", this.container.dataset.name);
    this.drawing.addEventListener("keydown", (event) => this.onKeydown(event));
    const buttons = document.getElementById("plot-buttons");
    buttons.hidden = false;
    buttons.addEventListener("click", (event) => this.move(event.target.closest("button")?.value));
    this.checkboxes.addEventListener("change", () => this.load());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    await this.load();
  }

  showMessage(text) {
    this.message.textContent = text;
    this.message.hidden = !text;
  }

  // Each property is requested by itself, and drawn when it arrives; those of the same time are not requested again.
  async load() {
    const request = ++this.latestRequest;
    const names = [...this.checkboxes.querySelectorAll(":checked")].map((box) => box.value);
    for (const name of this.loaded.keys()) if (!names.includes(name)) this.loaded.delete(name);
    if (!names.length) {
      this.drawing.hidden = true;
      return this.showMessage(this.container.dataset.none);
    }
    const query = this.timeQuery();
    const missing = names.filter((name) => this.loaded.get(name)?.query !== query);
    await Promise.all(missing.map((name) => this.loadProperty(name, query, names, request)));
    if (request !== this.latestRequest) return;
    if (!missing.length) await this.show(names);
    else if (!this.loaded.size) this.showMessage(this.container.dataset.failed);
  }

  // The query for more than the visible time, so that moving shows data at once.
  timeQuery() {
    const [from, to] = this.range;
    const margin = (to - from) / 2;
    return String(
      new URLSearchParams({
        from: new Date(Math.max(from - margin, this.fullRange[0])).toISOString(),
        to: new Date(Math.min(to + margin, this.fullRange[1])).toISOString(),
        buckets: Math.min(2000, Math.max(200, Math.round(this.container.clientWidth))),
      }),
    );
  }

  async loadProperty(name, query, names, request) {
    try {
      const data = await read(`${this.container.dataset.source}?${new URLSearchParams({ property: name })}&${query}`);
      if (request !== this.latestRequest) return;
      this.loaded.set(name, { query, data });
      await this.show(names);
    } catch {
      // The others are drawn; if none arrives, the message says so.
    }
  }

  // Draws what has arrived, in the order of the names; one drawing after the other.
  show(names) {
    const arrived = names.map((name) => this.loaded.get(name)?.data).filter(Boolean);
    if (!arrived.length) return this.drawn;
    this.data = { offsetSeconds: arrived[0].offsetSeconds, panels: arrived.flatMap((data) => data.panels) };
    this.drawing.hidden = false;
    this.showMessage("");
    return (this.drawn = this.drawn.then(() => this.draw()));
  }

  async draw() {
    if (!this.data) return;
    const colours = readColours(this.container);
    const { panels, offsetSeconds } = this.data;
    const ahead = offsetSeconds * 1000;
    const lines = panels.flatMap((panel, row) => this.lines(panel, row, ahead, colours));
    const layout = {
      height: PANEL_HEIGHT + MORE_HEIGHT * panels.length + (lines.length > 8 ? 40 : 0),
      margin: { l: 56, r: 12, t: 8, b: 44 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(this.container).fontFamily, size: 12, color: colours.text },
      hovermode: "closest",
      // On a touch screen a finger on the drawing scrolls the page; the buttons move the drawing.
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      showlegend: true,
      legend: { orientation: "h", x: 0, y: 1 + 0.06 / panels.length, yanchor: "bottom", font: { color: colours.text } },
      hoverlabel: { bgcolor: colours.card, bordercolor: colours.line, font: { color: colours.text } },
      xaxis: {
        type: "date",
        range: this.range.map((at) => at + ahead),
        title: { text: this.container.dataset.time, font: { color: colours.quiet } },
        gridcolor: colours.line,
        linecolor: colours.line,
        zeroline: false,
        tickangle: 0,
        nticks: Math.max(3, Math.floor(this.container.clientWidth / 110)),
        anchor: panels.length > 1 ? `y${panels.length}` : "y",
      },
      ...axes(panels, colours, this.container.dataset),
    };
    const config = { displayModeBar: false, responsive: true, locale: LOCALE, showTips: false, doubleClick: false };
    await Plotly.react(this.drawing, lines, layout, config);
    if (this.hasListeners) return;
    this.hasListeners = true;
    this.drawing.on("plotly_relayout", (change) => this.onRelayout(change));
    this.drawing.on("plotly_doubleclick", () => this.setRange(...this.fullRange));
  }

  lines(panel, row, ahead, colours) {
    const state = panel.kind === "state";
    return panel.series.map((one) => {
      const number = this.deviceIndex(one.device);
      const hasFewPoints = one.t.length < 200;
      return {
        name: escapeHtml(one.device),
        legendgroup: one.device,
        showlegend: !this.data.panels.slice(0, row).some((other) => other.series.some((s) => s.device === one.device)),
        type: "scatter",
        mode: hasFewPoints && !state ? "lines+markers" : "lines",
        x: one.t.map((at) => at + ahead),
        y: one.v,
        yaxis: row ? `y${row + 1}` : "y",
        connectgaps: false,
        line: {
          shape: state ? "hv" : "linear",
          width: 1.6,
          color: colours.lines[number % colours.lines.length],
          dash: LINE_STYLES[Math.floor(number / colours.lines.length) % LINE_STYLES.length],
        },
        marker: { size: 4 },
        hovertemplate: `%{x|%H:%M:%S}<br>%{y} ${state ? "" : escapeHtml(panel.unit ?? "")}<extra>${escapeHtml(one.device)}</extra>`,
      };
    });
  }

  // A device has the same colour in every panel, whichever others are shown.
  deviceIndex(device) {
    this.devices ??= new Map();
    if (!this.devices.has(device)) this.devices.set(device, this.devices.size);
    return this.devices.get(device);
  }

  onRelayout(change) {
    const ahead = this.data.offsetSeconds * 1000;
    const from = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0];
    const to = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
    if (from === undefined || to === undefined) return;
    this.setRange(milliseconds(from) - ahead, milliseconds(to) - ahead);
  }

  setRange(from, to) {
    if (!(to > from) || (from === this.range[0] && to === this.range[1])) return;
    this.range = [from, to];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), 120);
  }

  onKeydown(event) {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && this.move(event.key)) event.preventDefault();
  }

  move(key) {
    const [from, to] = this.range;
    const length = to - from;
    const moves = {
      "+": [from + length / 4, to - length / 4],
      "-": [Math.max(this.fullRange[0], from - length / 2), Math.min(this.fullRange[1], to + length / 2)],
      ArrowLeft: [from - length / 4, to - length / 4],
      ArrowRight: [from + length / 4, to + length / 4],
      0: this.fullRange,
    };
    const goal = moves[key];
    if (!goal || goal[1] - goal[0] < 10) return false;
    this.setRange(...goal);
    return true;
  }
}

// The JSON at an address; while the readings are read again, the server says when to request it again.
async function read(address) {
  for (;;) {
    const answer = await fetch(address);
    if (answer.ok) return answer.json();
    if (answer.status !== 503) throw new Error(String(answer.status));
    const seconds = Number(answer.headers.get("Retry-After")) || 2;
    await new Promise((done) => setTimeout(done, 1000 * seconds));
  }
}

function axes(panels, colours, words) {
  const gap = 0.08;
  const share = (1 - gap * (panels.length - 1)) / panels.length;
  return Object.fromEntries(
    panels.map((panel, row) => {
      const top = 1 - row * (share + gap);
      const state = panel.kind === "state";
      return [
        row ? `yaxis${row + 1}` : "yaxis",
        {
          domain: [Math.max(0, top - share), top],
          title: { text: escapeHtml(panel.property) + (panel.unit ? `<br>${escapeHtml(panel.unit)}` : ""), standoff: 6, font: { size: 11, color: colours.quiet } },
          gridcolor: colours.line,
          zeroline: false,
          fixedrange: true,
          automargin: true,
          nticks: 5,
          ...(state ? { range: [-0.15, 1.15], tickvals: [0, 1], ticktext: [words.off, words.on] } : {}),
        },
      ];
    }),
  );
}

// The page language's dates and numbers, as a Plotly locale.
function locale() {
  const names = (count, options, day) =>
    Array.from({ length: count }, (_, n) => new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" }).format(day(n)));
  const weekday = (n) => new Date(Date.UTC(2023, 0, 1 + n));
  const month = (n) => new Date(Date.UTC(2023, n, 1));
  const parts = Object.fromEntries(new Intl.NumberFormat(language, { useGrouping: "always" }).formatToParts(12345.6).map((p) => [p.type, p.value]));
  const format = {
    days: names(7, { weekday: "long" }, weekday),
    shortDays: names(7, { weekday: "short" }, weekday),
    months: names(12, { month: "long" }, month),
    shortMonths: names(12, { month: "short" }, month),
    date: "%d/%m/%Y",
    dayMonth: "%-d %b",
    dayMonthYear: "%-d %b %Y",
    decimal: parts.decimal,
    thousands: parts.group,
  };
  return { moduleType: "locale", name: LOCALE, dictionary: {}, format };
}

// Plotly reads some HTML in texts as markup; device names must show as they are.
const escapeHtml = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

// Plotly returns dates as text in the time of the axis.
const milliseconds = (at) => (typeof at === "number" ? at : Date.parse(`${at.replace(" ", "T")}Z`));

// The current colours of the style sheet, light or dark.
function readColours(container) {
  const probe = document.createElement("span");
  probe.hidden = true;
  container.append(probe);
  const colour = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const dark = getComputedStyle(probe).colorScheme.includes("dark") && luminance(colour("page")) < 0.5;
  const found = {
    text: colour("text"),
    quiet: colour("quiet"),
    line: colour("line"),
    card: colour("card"),
    lines: dark
      ? ["#63c3d1", "#f0a35e", "#a6d76b", "#d79bea", "#ffd75e", "#7fa8ff", "#ff8e86", "#c9b79c"]
      : ["#0b6270", "#b4530a", "#3f7a12", "#8a2da5", "#8a6a00", "#2152c4", "#b3261e", "#6b5a42"],
  };
  probe.remove();
  return found;
}

function luminance(colour) {
  const [red, green, blue] = colour.match(/[\d.]+/g).map(Number);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}

// Plotly writes style attributes, and a style sheet for maps, which are never shown here. The page's
// Content-Security-Policy allows neither; the same styles set by script are allowed.
function loadPlotly(address) {
  const { setAttribute } = Element.prototype;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
  const { createElement } = document;
  document.createElement = function (name, ...rest) {
    const made = createElement.call(document, name, ...rest);
    if (name === "style") Object.defineProperty(made, "textContent", { set: () => {} });
    return made;
  };
  return new Promise((done, failed) => {
    const script = createElement.call(document, "script");
    script.src = address;
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  }).finally(() => delete document.createElement);
}
