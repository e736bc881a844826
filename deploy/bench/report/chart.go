package report

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// The drawing in pixels: a panel for each set-up side by side, all of the same scale.
const (
	panelWidth = 480.0
	plotHeight = 340.0
	leftMargin = 70.0
	between    = 60.0
	plotTop    = 122.0
	footer     = 92.0
	apart      = 7.0 // product and twin stand beside each other, so that one interval does not hide the other
	inset      = 50.0
)

// The colours tell the series apart also for those who do not see red or green, and so do the marks. The drawing brings its
// own ground: a page of the other theme may be around it.
const style = `
text { font: 14px system-ui, sans-serif; fill: #1f2937; }
.title { font-size: 18px; font-weight: 600; }
.panel { font-size: 15px; font-weight: 600; }
.tick, .note { font-size: 13px; fill: #4b5563; }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.ground { fill: #ffffff; }
.grid { stroke: #e5e7eb; }
.axis { stroke: #6b7280; }
.line { fill: none; stroke-width: 2.5; }
.bar { stroke-width: 1.5; }
.product { stroke: #1d4ed8; }
.twin { stroke: #b45309; }
.twin.line { stroke-dasharray: 7 5; }
.product.mark { fill: #1d4ed8; }
.twin.mark { fill: #b45309; }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb; }
  .tick, .note { fill: #9ca3af; }
  .ground { fill: #111827; }
  .grid { stroke: #374151; }
  .axis { stroke: #9ca3af; }
  .product { stroke: #60a5fa; }
  .twin { stroke: #fbbf24; }
  .product.mark { fill: #60a5fa; }
  .twin.mark { fill: #fbbf24; }
}
`

// series is one of the two curves of a panel.
type series struct {
	class, name string
	shift       float64
	of          func(Comparison) Interval
}

var curves = []series{
	{"twin", "no-op twin", apart, func(c Comparison) Interval { return c.Twin.PerSecond }},
	{"product", "product", -apart, func(c Comparison) Interval { return c.Product.PerSecond }},
}

// panel is one set-up, with its closed loops in the order of their concurrency.
type panel struct {
	setUp SetUp
	loops []Comparison
}

var captions = map[SetUp]string{
	Embedded: "embedded: one process, SQLite",
	Split:    "split: a process for each service, MySQL family",
}

// Chart draws the throughput of the product and its twin over concurrency as SVG, a panel for each set-up that was measured.
// It fails if there is no closed loop to draw.
func Chart(w io.Writer, r Result) error {
	panels := closedLoops(r.Comparisons)
	if len(panels) == 0 {
		return errors.New("draw the chart: the result has no closed loop")
	}
	scale := ticks(highest(panels))
	width := leftMargin + float64(len(panels))*(panelWidth+between)
	height := plotTop + plotHeight + footer
	svg := draw("svg", "xmlns", "http://www.w3.org/2000/svg", "viewBox", "0 0 "+number(width)+" "+number(height),
		"width", number(width), "height", number(height), "role", "img").with(
		draw("title").saying("Completed cases per second of the product and its no-op twin, by the number of cases under way"),
		draw("style").saying(style),
		draw("rect", "class", "ground", "width", number(width), "height", number(height), "rx", "8"),
		write("title", leftMargin, 36, "Completed cases per second, by cases under way"),
		legend(leftMargin, 64),
		write("note end", width-between, height-14, note(r)),
	)
	for i, p := range panels {
		svg.with(p.draw(leftMargin+float64(i)*(panelWidth+between), scale))
	}
	encoder := xml.NewEncoder(w)
	if err := encoder.Encode(svg); err != nil {
		return fmt.Errorf("write the chart of the benchmark: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func note(r Result) string {
	form := ""
	if r.Quick {
		form = "short form, "
	}
	return fmt.Sprintf("bars: 95 %% interval · ratio: product / twin · %s%d CPUs, seed %d, %s", form, r.Machine.CPUs, r.Seed, r.Begun.UTC().Format("2006-01-02"))
}

func closedLoops(all []Comparison) []panel {
	var panels []panel
	for _, c := range all {
		if c.Load.Loop != Closed {
			continue
		}
		i := slices.IndexFunc(panels, func(p panel) bool { return p.setUp == c.SetUp })
		if i < 0 {
			i = len(panels)
			panels = append(panels, panel{setUp: c.SetUp})
		}
		panels[i].loops = append(panels[i].loops, c)
	}
	for _, p := range panels {
		slices.SortStableFunc(p.loops, func(a, b Comparison) int { return cmp.Compare(a.Load.Concurrency, b.Load.Concurrency) })
	}
	return panels
}

func highest(panels []panel) float64 {
	var top float64
	for _, p := range panels {
		for _, c := range p.loops {
			for _, s := range curves {
				top = max(top, s.of(c).Value, s.of(c).High)
			}
		}
	}
	return top
}

func legend(x, y float64) *element {
	g := draw("g")
	for _, s := range slices.Backward(curves) {
		g.with(
			draw("path", "class", s.class+" line", "d", "M"+number(x)+" "+number(y)+"h36"),
			s.mark("key", x+18, y),
			write("", x+46, y+5, s.name),
		)
		x += 130
	}
	return g
}

// mark is a dot for the product and a square for the twin.
func (s series) mark(class string, x, y float64) *element {
	class = s.class + " mark " + class
	if s.class == "product" {
		return draw("circle", "class", class, "cx", number(x), "cy", number(y), "r", "5")
	}
	return draw("rect", "class", class, "x", number(x-4.5), "y", number(y-4.5), "width", "9", "height", "9")
}

func (p panel) draw(left float64, scale []float64) *element {
	bottom := plotTop + plotHeight
	top := scale[len(scale)-1]
	height := func(v float64) float64 { return bottom - v/top*plotHeight }
	g := draw("g").with(write("panel", left, plotTop-14, cmp.Or(captions[p.setUp], string(p.setUp))))
	for _, t := range scale {
		class := "grid"
		if t == 0 {
			class = "axis"
		}
		g.with(
			stroke(class, left, height(t), left+panelWidth, height(t)),
			write("tick end", left-10, height(t)+4, strconv.FormatFloat(t, 'f', -1, 64)),
		)
	}
	step := 0.0
	if len(p.loops) > 1 {
		step = (panelWidth - 2*inset) / float64(len(p.loops)-1)
	}
	column := func(i int) float64 { return left + inset + float64(i)*step }
	for i, c := range p.loops {
		g.with(write("tick middle", column(i), bottom+22, strconv.Itoa(c.Load.Concurrency)))
		g.with(write("tick middle", column(i), bottom+46, c.verdict()))
	}
	g.with(write("tick end", left-10, bottom+46, "ratio"))
	for _, s := range curves {
		g.with(p.curve(s, column, height)...)
	}
	return g
}

// verdict is what stands under a load: the ratio, or that there is none.
func (c Comparison) verdict() string {
	switch {
	case c.Invalid != "":
		return "invalid"
	case c.Throughput.Value > 0:
		return ratio(c.Throughput.Value)
	default:
		return none
	}
}

func (p panel) curve(s series, column func(int) float64, height func(float64) float64) []*element {
	var way string
	var points []*element
	for i, c := range p.loops {
		v, x := s.of(c), column(i)+s.shift
		if i == 0 {
			way = "M"
		} else {
			way += "L"
		}
		way += number(x) + " " + number(height(v.Value))
		point := draw("g").with(draw("title").saying(fmt.Sprintf("%s, %d under way: %s cases a second",
			s.name, c.Load.Concurrency, v.within(significant))))
		if v.known() {
			for _, end := range []float64{v.Low, v.High} {
				point.with(stroke(s.class+" bar", x-5, height(end), x+5, height(end)))
			}
			point.with(stroke(s.class+" bar interval", x, height(v.Low), x, height(v.High)))
		}
		points = append(points, point.with(s.mark("point", x, height(v.Value))))
	}
	return append([]*element{draw("path", "class", s.class+" line", "d", way)}, points...)
}
