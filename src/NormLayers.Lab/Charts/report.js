"use strict";
// Draws each chart from the data beside it. Arrow keys walk along the points, and what they say is read out.
const settings = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], doubleClick: "reset" };
// The texts of a map's cells get smaller where the cells are narrow.
function fitCells(plot) {
  const cells = plot._fullData.findIndex((trace) => trace.mode === "markers+text");
  if (cells < 0) return;
  const columns = new Set(plot.data[cells].x).size;
  const longest = Math.max(...plot.data[cells].text.map((text) => text.length));
  const size = Math.max(7, Math.min(16, Math.floor(plot._fullLayout.xaxis._length / columns / longest / 0.62)));
  if (size !== plot.data[cells].textfont.size) Plotly.restyle(plot, { "textfont.size": size }, [cells]);
}
for (const figure of document.querySelectorAll("figure")) {
  const plot = figure.querySelector(".plot");
  const readout = figure.querySelector("output");
  const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
  Plotly.newPlot(plot, data, layout, settings).then(() => {
    plot.on("plotly_afterplot", () => fitCells(plot));
    fitCells(plot);
    plot.setAttribute("data-drawn", "true");
  });
  const places = [...new Set(data.filter((t) => t.type === "scatter" && t.hoverinfo !== "skip").flatMap((t) => t.x))].sort((a, b) => a - b);
  let at = -1;
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || places.length === 0) return;
    event.preventDefault();
    at = Math.min(Math.max(at + step, 0), places.length - 1);
    const points = data
      .map((trace, curveNumber) => ({ curveNumber, pointNumber: trace.hoverinfo === "skip" ? -1 : trace.x.indexOf(places[at]) }))
      .filter((point) => point.pointNumber >= 0 && data[point.curveNumber].y[point.pointNumber] !== null);
    Plotly.Fx.hover(plot, points);
    const name = (layout.xaxis.ticktext || [])[places[at]] ?? places[at];
    const values = points.map((p) => `${data[p.curveNumber].name} ${Number(data[p.curveNumber].y[p.pointNumber].toPrecision(6))}`);
    readout.textContent = `${layout.xaxis.title.text} ${name}: ${values.join(", ") || "no value"}`;
  });
}
