// The export form: its size is computed as it changes, and a download that must be prepared shows its progress.

const language = document.documentElement.lang;
const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
const numbers = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const byId = (id) => document.getElementById(id);

export function watchExport(job) {
  watchForm(byId("export-form"), byId("choice-container"));
  byId("choice-container").addEventListener("click", (event) => {
    const link = event.target.closest("#download");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    download(job, byId("choice").dataset);
  });
  byId("job-cancel").addEventListener("click", () => cancel(job));
  resumeJob(job);
}

// The size -----------------------------------------------------------------------------------------------------------

function watchForm(form, container) {
  let latestRequest = 0;
  let timer = 0;
  const refresh = async () => {
    if (!form.reportValidity()) return;
    const request = ++latestRequest;
    container.classList.add("busy-now");
    try {
      const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
      const answer = await fetch(`${form.dataset.choice}?${query}`, { headers: { Accept: "text/html" } });
      if (request !== latestRequest) return;
      if (!answer.ok || answer.redirected) return form.submit();
      container.innerHTML = await answer.text();
      history.replaceState(null, "", `${form.getAttribute("action")}?${query}`);
      if ("pending" in byId("choice").dataset) refreshAfter(1500);
    } catch {
      if (request === latestRequest) form.submit();
    } finally {
      if (request === latestRequest) container.classList.remove("busy-now");
    }
  };
  const refreshAfter = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(refresh, wait);
  };
  form.addEventListener("input", () => disableIgnored(form));
  disableIgnored(form);
  form.addEventListener("input", (event) => refreshAfter(event.target.matches("[type=number], [type=datetime-local]") ? 600 : 150));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    refreshAfter(0);
  });
  if ("pending" in byId("choice").dataset) refreshAfter(1500);
}

// Disable the cameras with "only sensor data", and the sensors with "only recordings": the server ignores them.
export function disableIgnored(form) {
  const only = new FormData(form).get("only");
  for (const group of form.querySelectorAll("[data-ignored]")) group.disabled = group.dataset.ignored === only;
}

// Preparing ----------------------------------------------------------------------------------------------------------

const MAX_ATTEMPTS = 5;
const RETRY_DELAY_MS = 3000;
const storageKey = (job) => `labcrate-job-${job.dataset.session}`;
let stream = null;
let attempts = 0;

async function call(address, method) {
  const answer = await fetch(address, { method, headers: { "X-CSRF-Token": csrf, Accept: "application/json" } });
  if (answer.status === 401) {
    const here = location.pathname + location.search;
    location.assign(`${byId("job").dataset.login}?${new URLSearchParams({ next: here })}`);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.detail ?? String(answer.status)), { fromServer: true });
  return body;
}

async function download(job, addresses) {
  byId("job-failed").textContent = byId("job-said").textContent = "";
  byId("download").setAttribute("aria-busy", "true");
  try {
    const state = await call(addresses.prepare, "POST");
    // The chosen URL, not that of the job: it also holds whether the archive may be incomplete.
    if (state.state === "done") return startDownload(job, addresses.archive);
    const { prepare, archive } = addresses;
    localStorage.setItem(storageKey(job), JSON.stringify({ id: state.id, prepare, archive }));
    follow(job, state, { prepare, archive });
  } catch (error) {
    if (!error.fromServer) return location.assign(addresses.archive);
    byId("job-failed").textContent = error.message;
  } finally {
    byId("download")?.removeAttribute("aria-busy");
  }
}

function startDownload(job, archive) {
  localStorage.removeItem(storageKey(job));
  byId("job-said").textContent = job.dataset.started;
  location.assign(archive);
}

async function resumeJob(job) {
  const stored = JSON.parse(localStorage.getItem(storageKey(job)) ?? "null");
  if (!stored) return;
  try {
    const state = await call(job.dataset.jobs + stored.id, "GET");
    if (state.state === "running") return follow(job, state, stored);
    if (state.state === "done") byId("job-said").textContent = job.dataset.ready;
  } catch {
    // The server was restarted, or the job ended long ago: there is nothing to follow.
  }
  localStorage.removeItem(storageKey(job));
}

function follow(job, state, addresses) {
  stream?.close();
  job.hidden = false;
  job.dataset.events = state.links.events;
  job.dataset.self = state.links.self;
  byId("job-cancel").disabled = false;
  show(job, state);
  stream = new EventSource(state.links.events);
  const finish = (event, then) => {
    stream.close();
    job.hidden = true;
    then(JSON.parse(event.data));
  };
  stream.addEventListener("progress", (event) => show(job, JSON.parse(event.data)));
  stream.addEventListener("done", (event) => finish(event, () => startDownload(job, addresses.archive)));
  stream.addEventListener("cancelled", (event) =>
    finish(event, () => {
      localStorage.removeItem(storageKey(job));
      byId("job-said").textContent = job.dataset.cancelled;
    }),
  );
  stream.addEventListener("failed", (event) =>
    finish(event, (last) => {
      localStorage.removeItem(storageKey(job));
      byId("job-failed").textContent = last.error?.detail ?? "";
    }),
  );
  stream.onerror = () => {
    byId("job-said").textContent = job.dataset.lost;
    // A restarted server no longer has the job, but it has the checksums that were computed.
    if (stream.readyState !== EventSource.CLOSED) return;
    job.hidden = true;
    if (++attempts <= MAX_ATTEMPTS) setTimeout(() => download(job, addresses), RETRY_DELAY_MS);
  };
  stream.onopen = () => {
    attempts = 0;
    byId("job-said").textContent = "";
  };
}

async function cancel(job) {
  byId("job-cancel").disabled = true;
  try {
    await call(job.dataset.self, "DELETE");
  } catch (error) {
    byId("job-failed").textContent = error.message;
  }
}

function show(job, now) {
  const bar = byId("job-bar");
  if (now.bytesTotal) bar.value = now.bytesDone / now.bytesTotal;
  else bar.removeAttribute("value");
  const parts = [];
  if (now.bytesTotal) parts.push(fill(job.dataset.progress, { done: size(now.bytesDone), total: size(now.bytesTotal) }));
  if (now.bytesPerSecond && now.secondsLeft !== null)
    parts.push(fill(job.dataset.speed, { rate: size(now.bytesPerSecond), left: length(now.secondsLeft) }));
  byId("job-figures").textContent = parts.join(" · ");
  byId("job-file").textContent = now.currentFile ? fill(job.dataset.file, { file: now.currentFile }) : "";
}

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${unit ? numbers.format(bytes) : Math.round(bytes)} ${units[unit]}`;
}

function length(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const rest = `${hours ? two(Math.floor(whole / 60) % 60) : Math.floor(whole / 60)}:${two(whole % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}
