// The page of one session. Everything except the plot works without this script.
import { watchExport } from "./export.js";
import { watchPlot } from "./plot.js";

const plot = document.getElementById("plot");
if (plot) watchPlot(plot, document.getElementById("properties"));

const job = document.getElementById("job");
if (job) watchExport(job);
