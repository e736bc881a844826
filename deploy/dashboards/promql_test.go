package dashboards

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// use is a metric in an expression, with every label that the expression asks of it, and the values that it asks for.
type use struct {
	metric string
	labels []string
	values map[string]string
}

var (
	token       = regexp.MustCompile(`"[^"]*"|[a-zA-Z_:][a-zA-Z0-9_:]*|\$\w+|[0-9][0-9a-z.]*|[(){}\[\],]|=~|!~|!=|==|[=<>+*/-]|>=|<=`)
	identifier  = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	aggregators = []string{"sum", "max", "min", "avg", "count", "topk", "bottomk"}
	operators   = []string{"or", "and", "unless", "bool"}
)

// reader takes an expression apart as far as metrics and labels go. It knows the PromQL that the house writes: the labels
// of an aggregation stand before its parentheses, and vectors are not matched on labels of their own.
type reader struct {
	tokens []string
	found  []use
}

func usesOf(expr string) ([]use, error) {
	r := &reader{tokens: token.FindAllString(expr, -1)}
	if err := r.read(nil); err != nil {
		return nil, fmt.Errorf("%w in %s", err, expr)
	}
	if len(r.tokens) > 0 {
		return nil, fmt.Errorf("something is left: %v in %s", r.tokens, expr)
	}
	return r.found, nil
}

func (r *reader) peek() string {
	if len(r.tokens) == 0 {
		return ""
	}
	return r.tokens[0]
}

func (r *reader) next() string {
	first := r.peek()
	if first != "" {
		r.tokens = r.tokens[1:]
	}
	return first
}

// read reads up to the end of the parentheses that it is in; all metrics there need the labels of outer aggregations.
func (r *reader) read(outer []string) error {
	for {
		switch t := r.peek(); {
		case t == "" || t == ")":
			return nil
		case t == "[":
			for r.next() != "]" {
				if r.peek() == "" {
					return errors.New("a range without end")
				}
			}
		case t == "(":
			if err := r.within(outer); err != nil {
				return err
			}
		case slices.Contains([]string{"by", "without", "on", "ignoring", "group_left", "group_right"}, t):
			return fmt.Errorf("%s is not understood here", t)
		case !identifier.MatchString(t) || slices.Contains(operators, t):
			r.next()
		default:
			if err := r.name(outer); err != nil {
				return err
			}
		}
	}
}

func (r *reader) within(labels []string) error {
	r.next()
	if err := r.read(labels); err != nil {
		return err
	}
	if r.next() != ")" {
		return errors.New("parentheses without end")
	}
	return nil
}

// name reads a function, an aggregation or a metric.
func (r *reader) name(outer []string) error {
	name := r.next()
	if slices.Contains(aggregators, name) && r.peek() == "by" {
		r.next()
		labels, err := r.list()
		if err != nil {
			return err
		}
		return r.within(slices.Concat(outer, labels))
	}
	if r.peek() == "(" {
		return r.within(outer)
	}
	labels, values, err := r.matchers()
	r.found = append(r.found, use{name, slices.Concat(outer, labels), values})
	return err
}

// list reads (a, b).
func (r *reader) list() ([]string, error) {
	var labels []string
	for r.next(); r.peek() != ")"; {
		t := r.next()
		switch {
		case t == "":
			return nil, errors.New("labels without end")
		case t != ",":
			labels = append(labels, t)
		}
	}
	r.next()
	return labels, nil
}

// matchers reads {a="x", b=~"y"}, if it is there; values are those that must be equal.
func (r *reader) matchers() (labels []string, values map[string]string, err error) {
	if r.peek() != "{" {
		return nil, nil, nil
	}
	values = map[string]string{}
	for r.next(); r.peek() != "}"; {
		switch label := r.next(); {
		case label == "":
			return nil, nil, errors.New("matchers without end")
		case identifier.MatchString(label):
			labels = append(labels, label)
			if operator, value := r.next(), r.next(); operator == "=" {
				values[label] = strings.Trim(value, `"`)
			}
		}
	}
	r.next()
	return labels, values, nil
}

func TestExpressionsAreTakenApart(t *testing.T) {
	for expr, want := range map[string][]use{
		`up == 0 or absent(up{job=~".*x.*"})`: {{metric: "up"}, {metric: "up", labels: []string{"job"}}},
		`histogram_quantile(0.95, sum by (le, q) (rate(a_seconds_bucket{s!="b or c"}[10m]))) > 5`: {
			{metric: "a_seconds_bucket", labels: []string{"le", "q", "s"}},
		},
		`sum by (a) (max by (a, b) (x{c="$d"})) / sum(rate(y[$__rate_interval]))`: {
			{metric: "x", labels: []string{"a", "a", "b", "c"}, values: map[string]string{"c": "$d"}}, {metric: "y"},
		},
		`time() - max(z) > 3 * 86400`: {{metric: "z"}},
	} {
		got, err := usesOf(expr)
		require.NoError(t, err)
		require.Len(t, got, len(want), expr)
		for i := range want {
			require.Equal(t, want[i].metric, got[i].metric, expr)
			require.ElementsMatch(t, want[i].labels, got[i].labels, expr)
			for label, value := range want[i].values {
				require.Equal(t, value, got[i].values[label], expr)
			}
		}
	}
	for _, expr := range []string{`sum(x) by (a)`, `a * on (b) c`, `sum(x`, `x[5m`, `x{a="b"`} {
		_, err := usesOf(expr)
		require.Error(t, err, strings.TrimSpace(expr))
	}
}
