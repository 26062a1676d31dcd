// The export form: its size is computed as it is filled in, and a download that has to be prepared shows how that goes.

const language = document.documentElement.lang;
const csrf = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
const numbers = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

const at = (id) => document.getElementById(id);

export function watchExport(job) {
  watchForm(at("export-form"), at("choice-place"));
  at("choice-place").addEventListener("click", (event) => {
    const link = event.target.closest("#download");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    download(job, at("choice").dataset);
  });
  at("job-cancel").addEventListener("click", () => cancel(job));
  joinAgain(job);
}

// The size -----------------------------------------------------------------------------------------------------------

function watchForm(form, place) {
  let newest = 0;
  let timer = 0;
  const renew = async () => {
    if (!form.reportValidity()) return;
    const mine = ++newest;
    place.classList.add("busy-now");
    try {
      const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
      const answer = await fetch(`${form.dataset.choice}?${query}`, { headers: { Accept: "text/html" } });
      if (mine !== newest) return;
      if (!answer.ok || answer.redirected) return form.submit();
      place.innerHTML = await answer.text();
      history.replaceState(null, "", `${form.getAttribute("action")}?${query}`);
      if ("again" in at("choice").dataset) later(1500);
    } catch {
      if (mine === newest) form.submit();
    } finally {
      if (mine === newest) place.classList.remove("busy-now");
    }
  };
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(renew, wait);
  };
  form.addEventListener("input", (event) => later(event.target.matches("[type=number], [type=datetime-local]") ? 600 : 150));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    later(0);
  });
  if ("again" in at("choice").dataset) later(1500);
}

// Preparing ----------------------------------------------------------------------------------------------------------

const MOST_ATTEMPTS = 5;
const ATTEMPT_AGAIN_MS = 3000;
const remembered = (job) => `labcrate-job-${job.dataset.session}`;
let stream = null;
let attempts = 0;

async function call(address, method) {
  const answer = await fetch(address, { method, headers: { "X-CSRF-Token": csrf, Accept: "application/json" } });
  if (answer.status === 401) {
    const here = location.pathname + location.search;
    location.assign(`${at("job").dataset.login}?${new URLSearchParams({ next: here })}`);
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(told.detail ?? String(answer.status)), { told: true });
  return told;
}

async function download(job, addresses) {
  at("job-failed").textContent = at("job-said").textContent = "";
  at("download").setAttribute("aria-busy", "true");
  try {
    const told = await call(addresses.prepare, "POST");
    // The address that was chosen, not the job's own: it also says whether something may be missing.
    if (told.state === "done") return begin(job, addresses.archive);
    const { prepare, archive } = addresses;
    localStorage.setItem(remembered(job), JSON.stringify({ id: told.id, prepare, archive }));
    follow(job, told, { prepare, archive });
  } catch (error) {
    if (!error.told) return location.assign(addresses.archive);
    at("job-failed").textContent = error.message;
  } finally {
    at("download")?.removeAttribute("aria-busy");
  }
}

function begin(job, archive) {
  localStorage.removeItem(remembered(job));
  at("job-said").textContent = job.dataset.started;
  location.assign(archive);
}

async function joinAgain(job) {
  const kept = JSON.parse(localStorage.getItem(remembered(job)) ?? "null");
  if (!kept) return;
  try {
    const told = await call(job.dataset.jobs + kept.id, "GET");
    if (told.state === "running") return follow(job, told, kept);
    if (told.state === "done") at("job-said").textContent = job.dataset.ready;
  } catch {
    // The server was started anew, or the job is long over: nothing to join.
  }
  localStorage.removeItem(remembered(job));
}

function follow(job, told, addresses) {
  stream?.close();
  job.hidden = false;
  job.dataset.events = told.links.events;
  job.dataset.self = told.links.self;
  at("job-cancel").disabled = false;
  show(job, told);
  stream = new EventSource(told.links.events);
  const ended = (event, then) => {
    stream.close();
    job.hidden = true;
    then(JSON.parse(event.data));
  };
  stream.addEventListener("progress", (event) => show(job, JSON.parse(event.data)));
  stream.addEventListener("done", (event) => ended(event, () => begin(job, addresses.archive)));
  stream.addEventListener("cancelled", (event) =>
    ended(event, () => {
      localStorage.removeItem(remembered(job));
      at("job-said").textContent = job.dataset.cancelled;
    }),
  );
  stream.addEventListener("failed", (event) =>
    ended(event, (last) => {
      localStorage.removeItem(remembered(job));
      at("job-failed").textContent = last.error?.detail ?? "";
    }),
  );
  stream.onerror = () => {
    at("job-said").textContent = job.dataset.lost;
    // A server that was started anew knows the job no more: what it had read is known all the same.
    if (stream.readyState !== EventSource.CLOSED) return;
    job.hidden = true;
    if (++attempts <= MOST_ATTEMPTS) setTimeout(() => download(job, addresses), ATTEMPT_AGAIN_MS);
  };
  stream.onopen = () => {
    attempts = 0;
    at("job-said").textContent = "";
  };
}

async function cancel(job) {
  at("job-cancel").disabled = true;
  try {
    await call(job.dataset.self, "DELETE");
  } catch (error) {
    at("job-failed").textContent = error.message;
  }
}

function show(job, now) {
  const bar = at("job-bar");
  if (now.bytesTotal) bar.value = now.bytesDone / now.bytesTotal;
  else bar.removeAttribute("value");
  const parts = [];
  if (now.bytesTotal) parts.push(filled(job.dataset.progress, { done: size(now.bytesDone), total: size(now.bytesTotal) }));
  if (now.bytesPerSecond && now.secondsLeft !== null)
    parts.push(filled(job.dataset.speed, { rate: size(now.bytesPerSecond), left: length(now.secondsLeft) }));
  at("job-figures").textContent = parts.join(" · ");
  at("job-file").textContent = now.currentFile ? filled(job.dataset.file, { file: now.currentFile }) : "";
}

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

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
