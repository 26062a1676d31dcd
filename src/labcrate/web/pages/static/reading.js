// While sensor messages are read: shows how much was read, then replaces the parts of the page that depend on them.

export function watchReading(element, onReplaced) {
  const stream = new EventSource(element.dataset.events);
  stream.addEventListener("progress", (event) => show(JSON.parse(event.data).html));
  stream.addEventListener("done", () => {
    stream.close();
    replaceParts(element, onReplaced);
  });
  stream.addEventListener("failed", (event) => {
    stream.close();
    show(JSON.parse(event.data).html);
  });
  // The login has ended, or the session is gone: the page says which.
  stream.onerror = () => stream.readyState === EventSource.CLOSED && location.reload();
}

function show(html) {
  for (const one of document.querySelectorAll("[data-reading]")) if (one.innerHTML !== html) one.innerHTML = html;
}

async function replaceParts(element, onReplaced) {
  const parts = document.querySelectorAll("[data-waiting]");
  if (!parts.length) return location.reload();
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) replace(part, page.getElementById(part.id));
  const next = page.getElementById("reading");
  // A message that came at the same time may have begun another plan.
  if (next) return watchReading(element, onReplaced);
  document.getElementById("reading-said").textContent = element.dataset.read;
  element.remove();
  onReplaced();
}

// Replace a part of the page; what the reader has opened and ticked in it stays so.
function replace(part, next) {
  if (!next) return part.remove();
  const opened = [...part.querySelectorAll("details")].map((one) => one.open);
  next.querySelectorAll("details").forEach((one, number) => opened[number] && (one.open = true));
  const ticked = new Map([...part.querySelectorAll("input")].map((one) => [one.name + one.value, one.checked]));
  for (const one of next.querySelectorAll("input[name]"))
    if (ticked.has(one.name + one.value)) one.checked = ticked.get(one.name + one.value);
  part.replaceWith(document.adoptNode(next));
}
