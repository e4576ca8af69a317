package pages

import (
	"fmt"
	"slices"
	"strings"

	"granary/internal/console/ui"
	"granary/internal/vision/engine/builtin"
)

// The chart's size in its own units; the page scales it.
const (
	chartWidth, chartHeight           = 500, 200
	chartLeft, chartRight             = 60, 16
	chartTop, chartBottom             = 16, 28
	chartPoints                       = 60 // versions shown, the newest
	matrixLabels                      = 40 // labels shown in the confusion matrix
	matrixStrong, matrixMedium        = 0.66, 0.33
	chartFloorStep, chartMinimumRange = 0.1, 0.2
)

// chart is accuracy over versions, ready to draw as SVG.
type chart struct {
	Width, Height int
	Left, Right   int
	Line          string // path data
	Dots          []dot
	Levels        []level
}

type dot struct {
	X, Y   float64
	Number int64
	State  string
	Text   string
	Label  bool
}

// level is a horizontal line with its value.
type level struct {
	Y    float64
	Text string
}

// newChart draws versions (newest first, as listed) from left to right.
func newChart(versions []versionView, l *ui.Locale) chart {
	shown := slices.Clone(versions[:min(len(versions), chartPoints)])
	slices.Reverse(shown)
	low := 1.0
	for _, v := range shown {
		low = min(low, v.Accuracy)
	}
	// The axis starts at a round value below the worst, never closer to 1 than
	// 0.8, so that small differences do not look large.
	floor := min(float64(int(low/chartFloorStep))*chartFloorStep, 1-chartMinimumRange)
	c := chart{Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth - chartRight}
	y := func(accuracy float64) float64 {
		return chartTop + (1-accuracy)/(1-floor)*(chartHeight-chartTop-chartBottom)
	}
	const levels = 4
	for i := range levels + 1 {
		value := floor + (1-floor)*float64(i)/levels
		c.Levels = append(c.Levels, level{Y: y(value), Text: l.Percent(value)})
	}
	var line strings.Builder
	for i, v := range shown {
		x := float64(chartLeft+c.Right) / 2
		if len(shown) > 1 {
			x = chartLeft + 12 + float64(i)/float64(len(shown)-1)*float64(c.Right-chartLeft-24)
		}
		// A rejected version was never in use: its dot lies off the line.
		if v.State != "rejected" {
			verb := "L"
			if line.Len() == 0 {
				verb = "M"
			}
			fmt.Fprintf(&line, "%s%.1f %.1f", verb, x, y(v.Accuracy))
		}
		every := max(1, len(shown)/12)
		c.Dots = append(c.Dots, dot{
			X: x, Y: y(v.Accuracy), Number: v.Number, State: v.State,
			Text:  l.T("models.dot", v.Number, l.Percent(v.Accuracy), v.Examples),
			Label: i%every == 0 || i == len(shown)-1,
		})
	}
	c.Line = line.String()
	return c
}

// matrix is a confusion matrix: rows are what the expert said, columns what
// the classifier said.
type matrix struct {
	Labels []string
	Rows   []matrixRow
	// More is how many labels were left out, the rarest ones.
	More int
}

type matrixRow struct {
	Label   string
	Support int
	Recall  float64
	Cells   []matrixCell
}

type matrixCell struct {
	Count int
	// Class shades the cell: c1 to c3 right, w wrong, "" none.
	Class string
	// Column is the classifier's label, for the cell's title.
	Column string
}

func newMatrix(report builtin.Report) matrix {
	order := make([]int, len(report.Labels))
	for i := range order {
		order[i] = i
	}
	var m matrix
	if len(order) > matrixLabels {
		slices.SortStableFunc(order, func(a, b int) int { return report.Support[b] - report.Support[a] })
		m.More = len(order) - matrixLabels
		order = order[:matrixLabels]
		slices.Sort(order)
	}
	for _, i := range order {
		m.Labels = append(m.Labels, report.Labels[i])
		row := matrixRow{Label: report.Labels[i], Support: report.Support[i], Recall: report.Recall[i]}
		for _, j := range order {
			cell := matrixCell{Count: report.Confusion[i][j], Column: report.Labels[j]}
			share := float64(cell.Count) / float64(max(row.Support, 1))
			switch {
			case cell.Count == 0:
			case i != j:
				cell.Class = "w"
			case share > matrixStrong:
				cell.Class = "c3"
			case share > matrixMedium:
				cell.Class = "c2"
			default:
				cell.Class = "c1"
			}
			row.Cells = append(row.Cells, cell)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}
