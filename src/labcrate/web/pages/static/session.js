// The page of one session. Everything except the plot works without this script.
import { disableIgnored, watchExport } from "./export.js";
import { watchPlot } from "./plot.js";
import { watchReading } from "./reading.js";

const startPlot = () => {
  const plot = document.querySelector("#plot:not([data-started])");
  if (!plot) return;
  plot.dataset.started = "";
  watchPlot(plot, document.getElementById("properties"));
};

startPlot();

const job = document.getElementById("job");
if (job) watchExport(job);

const reading = document.getElementById("reading");
if (reading)
  watchReading(reading, () => {
    startPlot();
    const form = document.getElementById("export-form");
    if (form) disableIgnored(form);
  });
