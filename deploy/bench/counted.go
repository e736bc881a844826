package bench

import (
	"context"
	"fmt"
	"path/filepath"

	"aftercare.dev/deploy/bench/counts"
	"aftercare.dev/deploy/bench/journey"
	"aftercare.dev/deploy/bench/report"
)

// count counts what a case of each kind takes. The product runs in this process for it.
func (r *runner) count(ctx context.Context) error {
	r.tell("counts: a house is started")
	h, err := counts.Open(ctx, filepath.Join(r.Dir, "counts"))
	if err != nil {
		return err
	}
	defer h.Close()
	shop, err := journey.Open(ctx, h.Door, h.SandboxURL)
	if err != nil {
		return err
	}
	for _, k := range journey.Kinds() {
		var takes []counts.Cost
		for range r.Plan.Takes {
			cost, err := h.Count(ctx, shop.Merchant, func(ctx context.Context) (string, error) { return shop.Case(ctx, k) })
			if err != nil {
				return fmt.Errorf("%s: %w", k.Name, err)
			}
			takes = append(takes, cost)
		}
		cost := costOf(k.Name, counts.Typical(takes...))
		r.result.Costs = append(r.result.Costs, cost)
		r.tell("counts: %s: %d actions, statements %v", k.Name, cost.Actions, cost.Statements)
	}
	return nil
}

func costOf(kind string, c counts.Cost) report.Cost {
	all := c.Workflow()
	told := report.Cost{
		Kind: kind, Statements: c.Statements, Transactions: c.Transactions, Looks: c.Looks,
		Actions: all.Actions, StraightforwardActions: all.Straightforward, Parent: workflowShape(c.Parent), Children: map[string]report.Shape{},
	}
	for name, child := range c.Children {
		told.Children[name] = workflowShape(child)
	}
	return told
}

func workflowShape(w counts.Workflow) report.Shape {
	return report.Shape{Events: float64(w.Events), Bytes: float64(w.Bytes), Transitions: float64(w.Transitions)}
}
