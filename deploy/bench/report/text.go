package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// page is Markdown in the making.
type page struct{ text strings.Builder }

func (p *page) heading(level int, text string) {
	p.paragraph(strings.Repeat("#", level) + " " + text)
}

func (p *page) paragraph(text string) {
	p.text.WriteString(text + "\n\n")
}

// table writes nothing if there are no rows.
func (p *page) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	p.row(head)
	p.row(slices.Repeat([]string{"---"}, len(head)))
	for _, row := range rows {
		p.row(row)
	}
	p.text.WriteByte('\n')
}

var cell = strings.NewReplacer("|", `\|`, "\r", "", "\n", " ")

func (p *page) row(cells []string) {
	for _, c := range cells {
		p.text.WriteString("| " + cell.Replace(c) + " ")
	}
	p.text.WriteString("|\n")
}

// none stands where there is nothing to tell.
const none = "–"

// significant writes a number with three figures.
func significant(x float64) string {
	switch abs := max(x, -x); {
	case abs == 0:
		return "0"
	case abs >= 99.95:
		return count(int64(x + 0.5))
	case abs >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case abs >= 0.9995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	default:
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
}

// quantity writes what is counted, or the mean of it, with no more than one figure after the point.
func quantity(x float64) string {
	if x == math.Trunc(x) {
		return count(int64(x))
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
}

// count writes a number with commas: 1,000,000.
func count[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func seconds(s float64) string {
	switch {
	case s == 0:
		return "0"
	case s < 0.9995:
		return significant(s*1000) + " ms"
	default:
		return significant(s) + " s"
	}
}

// size writes bytes by thousands, as the targets are put.
func size(bytes float64) string {
	for _, unit := range []struct {
		bytes float64
		name  string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "KB"}} {
		if bytes >= unit.bytes {
			return significant(bytes/unit.bytes) + " " + unit.name
		}
	}
	return significant(bytes) + " B"
}

// within writes a number and the interval around it, if there is one.
func (i Interval) within(number func(float64) string) string {
	switch {
	case i == Interval{}:
		return none
	case i.known():
		return fmt.Sprintf("%s (%s–%s)", number(i.Value), number(i.Low), number(i.High))
	default:
		return number(i.Value)
	}
}

func (i Interval) known() bool { return i.Low != 0 || i.High != 0 }

func ratio(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

// exact has a figure more than [ratio]: one that missed its target should not look as if it had met it.
func exact(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }

func (l Latency) String() string {
	if l.Count == 0 {
		return none
	}
	return seconds(l.P50) + " / " + seconds(l.P95) + " / " + seconds(l.P99)
}

func (l Load) String() string {
	if l.Loop == Closed {
		return "closed, " + strconv.Itoa(l.Concurrency)
	}
	return fmt.Sprintf("open, %.0f %% (%s/s)", l.Share*100, significant(l.PerSecond))
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// total adds up in the order of the keys, so that it is the same to the last bit each time.
func total[N int | float64](m map[string]N) N {
	var all N
	for _, key := range sorted(m) {
		all += m[key]
	}
	return all
}

// each writes what a map holds in one cell.
func each[V any](m map[string]V, value func(V) string) string {
	if len(m) == 0 {
		return none
	}
	parts := make([]string, 0, len(m))
	for _, key := range sorted(m) {
		parts = append(parts, key+" "+value(m[key]))
	}
	return strings.Join(parts, ", ")
}
