package report

import (
	"encoding/xml"
	"math"
	"strconv"
)

// element is a piece of SVG. The encoder escapes what is in it, so that the drawing is well-formed whatever it is told.
type element struct {
	name     string
	attrs    []xml.Attr
	text     string
	children []*element
}

// draw makes an element of pairs of a name and a value.
func draw(name string, attrs ...string) *element {
	e := &element{name: name}
	for i := 0; i+1 < len(attrs); i += 2 {
		e.attrs = append(e.attrs, xml.Attr{Name: xml.Name{Local: attrs[i]}, Value: attrs[i+1]})
	}
	return e
}

// MarshalXML implements [xml.Marshaler].
func (e *element) MarshalXML(encoder *xml.Encoder, _ xml.StartElement) error {
	start := xml.StartElement{Name: xml.Name{Local: e.name}, Attr: e.attrs}
	if err := encoder.EncodeToken(start); err != nil {
		return err
	}
	if err := encoder.EncodeToken(xml.CharData(e.text)); err != nil {
		return err
	}
	for _, child := range e.children {
		if err := encoder.Encode(child); err != nil {
			return err
		}
	}
	return encoder.EncodeToken(start.End())
}

func (e *element) with(children ...*element) *element {
	e.children = append(e.children, children...)
	return e
}

func (e *element) saying(text string) *element {
	e.text = text
	return e
}

func write(class string, x, y float64, text string) *element {
	return draw("text", "class", class, "x", number(x), "y", number(y)).saying(text)
}

func stroke(class string, x1, y1, x2, y2 float64) *element {
	return draw("line", "class", class, "x1", number(x1), "y1", number(y1), "x2", number(x2), "y2", number(y2))
}

// number writes a coordinate with as many figures as a screen can show.
func number(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// ticks are round numbers from 0 up to the first that is not below top, six of them or fewer above it.
func ticks(top float64) []float64 {
	if !(top > 0) {
		top = 1
	}
	power := math.Pow(10, math.Floor(math.Log10(top/6)))
	step := 10 * power
	for _, s := range []float64{1, 2, 2.5, 5} {
		if s*power*6 >= top {
			step = s * power
			break
		}
	}
	all := []float64{0}
	for n := 1.0; all[len(all)-1] < top; n++ {
		all = append(all, math.Round(n*step*1e6)/1e6)
	}
	return all
}
