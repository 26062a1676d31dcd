// The page of one session. Everything on it works without this script, but for the drawing of the readings.
import { watchExport } from "./export.js";
import { watchPlot } from "./plot.js";

const plot = document.getElementById("plot");
if (plot) watchPlot(plot, document.getElementById("properties"));

const job = document.getElementById("job");
if (job) watchExport(job);
