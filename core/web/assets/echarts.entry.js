// The cut of ECharts that the province's pages draw with: four kinds of chart, SVG only (no canvas on old machines).
import * as core from "echarts/core";
import { BarChart, LineChart, HeatmapChart, TreemapChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent, VisualMapPiecewiseComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

core.use([
  BarChart, LineChart, HeatmapChart, TreemapChart,
  GridComponent, LegendComponent, TooltipComponent, VisualMapPiecewiseComponent,
  SVGRenderer,
]);

export const init = core.init;
