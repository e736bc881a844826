package twin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// order is what an activity of the twin is told: how large its answer is, and what the outside world makes of it.
type order struct {
	answer  Size
	signals []Signal
}

// order is what the activity of a command is told.
func (c *Command) order() order { return order{answer: only(c.Output), signals: c.Signals} }

// end is after an order; what follows makes the input as large as that of the product.
const end = "|"

// encode writes the order into an input of the size. An input that is too small for it becomes larger.
func (o order) encode(size Size) string {
	words := []string{strconv.Itoa(int(o.answer))}
	for _, s := range o.signals {
		words = append(words, s.Name, strconv.Itoa(int(s.Input)), strconv.FormatInt(int64(s.After), 10))
	}
	head := strings.Join(words, " ") + end
	return head + text(int(size)-len(`""`)-len(head))
}

// decode reads the order in an input.
func decode(input string) (order, error) {
	head, _, _ := strings.Cut(input, end)
	words := strings.Fields(head)
	if len(words)%3 != 1 {
		return order{}, fmt.Errorf("an activity of the twin cannot be told %q", head)
	}
	answer, err := strconv.Atoi(words[0])
	if err != nil {
		return order{}, fmt.Errorf("read the size of an answer: %w", err)
	}
	o := order{answer: Size(answer)}
	for words = words[1:]; len(words) > 0; words = words[3:] {
		size, err := strconv.Atoi(words[1])
		if err != nil {
			return order{}, fmt.Errorf("read the size of a signal: %w", err)
		}
		after, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return order{}, fmt.Errorf("read when a signal comes: %w", err)
		}
		o.signals = append(o.signals, Signal{Name: words[0], Input: Size(size), After: time.Duration(after)})
	}
	return o, nil
}
