package report_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/bench/report"
)

func TestTheChartHasAMarkAndABarForEachPoint(t *testing.T) {
	drawing := parse(t, chartOf(t, sample()))
	for _, series := range []string{"product", "twin"} {
		require.Len(t, drawing.of(series+" mark point"), 8, "four loads in two set-ups")
		require.Len(t, drawing.of(series+" bar interval"), 8)
		require.Len(t, drawing.of(series+" line"), 3, "a curve in each panel, and the legend")
	}
	for _, e := range drawing {
		for _, coordinate := range []string{"x", "y", "cx", "cy", "x1", "x2", "y1", "y2"} {
			if text, ok := e.attrs[coordinate]; ok {
				at, err := strconv.ParseFloat(text, 64)
				require.NoError(t, err)
				require.GreaterOrEqual(t, at, 0.0, "%s of %v", coordinate, e)
			}
		}
	}
}

func TestMoreCasesASecondAreDrawnHigher(t *testing.T) {
	r := sample()
	dots := parse(t, chartOf(t, r)).of("product mark point")
	require.Greater(t, height(t, dots[0]), height(t, dots[1]), "SVG counts from the top")
	require.Greater(t, height(t, dots[1]), height(t, dots[2]))
	r.Comparisons[0].Product.PerSecond = report.Interval{Value: 25}
	drawn := parse(t, chartOf(t, r))
	require.Less(t, height(t, drawn.of("product mark point")[0]), height(t, dots[3]))
	require.Len(t, drawn.of("product bar interval"), 7, "a number without an interval has no bar")
}

func TestTheLoadsOfAChartAreInOrderWhateverTheyWereMeasuredIn(t *testing.T) {
	r := sample()
	inOrder := chartOf(t, r)
	r.Comparisons[0], r.Comparisons[6] = r.Comparisons[6], r.Comparisons[0]
	require.Equal(t, inOrder, chartOf(t, r))
}

func TestAChartOfOneLoadInOneSetUpIsDrawn(t *testing.T) {
	r := sample()
	r.Comparisons = r.Comparisons[:1]
	drawing := parse(t, chartOf(t, r))
	require.Len(t, drawing.of("product mark point"), 1)
	require.Len(t, drawing.of("twin mark point"), 1)
}

func TestTheScaleIsOfRoundNumbers(t *testing.T) {
	for _, c := range []struct {
		most   float64
		labels []string
	}{
		{0.7, []string{"0", "0.2", "0.4", "0.6", "0.8"}},
		{11.9, []string{"0", "2", "4", "6", "8", "10", "12"}},
		{30, []string{"0", "5", "10", "15", "20", "25", "30"}},
		{1001, []string{"0", "200", "400", "600", "800", "1000", "1200"}},
	} {
		r := sample()
		r.Comparisons = r.Comparisons[:1]
		r.Comparisons[0].Product.PerSecond = report.Interval{Value: c.most}
		r.Comparisons[0].Twin.PerSecond = report.Interval{Value: c.most / 2}
		var labels []string
		for _, label := range parse(t, chartOf(t, r)).of("tick end") {
			labels = append(labels, label.text)
		}
		require.Equal(t, append(c.labels, "ratio"), labels)
	}
}

func TestAChartMarksWhatIsInvalid(t *testing.T) {
	r := sample()
	require.NotContains(t, chartOf(t, r), "invalid")
	r.Comparisons[3].Invalid = "bytes differ"
	require.Equal(t, 1, strings.Count(chartOf(t, r), ">invalid<"))
}

func TestAChartOfNoClosedLoopIsRefused(t *testing.T) {
	r := sample()
	for i := range r.Comparisons {
		r.Comparisons[i].Load.Loop = report.Open
	}
	require.ErrorContains(t, report.Chart(io.Discard, r), "no closed loop")
}

func TestAChartIsWellFormedWhateverItIsTold(t *testing.T) {
	r := sample()
	for i := range r.Comparisons {
		r.Comparisons[i].SetUp = `"<one> & 'all'`
	}
	parse(t, chartOf(t, r))
}

type mark struct {
	name, text string
	attrs      map[string]string
}

type drawing []mark

func (d drawing) of(class string) drawing {
	var found drawing
	for _, m := range d {
		if m.attrs["class"] == class {
			found = append(found, m)
		}
	}
	return found
}

func height(t *testing.T, m mark) float64 {
	t.Helper()
	y, err := strconv.ParseFloat(m.attrs["cy"], 64)
	require.NoError(t, err)
	return y
}

func chartOf(t *testing.T, r report.Result) string {
	t.Helper()
	var svg strings.Builder
	require.NoError(t, report.Chart(&svg, r))
	return svg.String()
}

// parse fails unless the drawing is well-formed to its end.
func parse(t *testing.T, svg string) drawing {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	var all drawing
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			require.Equal(t, "svg", all[0].name)
			return all
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			m := mark{name: token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				m.attrs[a.Name.Local] = a.Value
			}
			all = append(all, m)
		case xml.CharData:
			if len(all) > 0 {
				all[len(all)-1].text += strings.TrimSpace(string(token))
			}
		}
	}
}
