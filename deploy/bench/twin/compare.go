package twin

import (
	"context"
	"errors"
	"fmt"
	"math"

	"go.temporal.io/sdk/client"
)

// tolerance is by how much a twin may differ from the product, as a share.
const tolerance = 0.02

// Footprint is what cases leave in Temporal, each with the workflows that it started.
type Footprint struct {
	Cases       int   `json:"cases"`
	Events      int64 `json:"events"`
	Bytes       int64 `json:"bytes"`
	Transitions int64 `json:"transitions"`
}

// Measure reads the footprint of one case, product or twin, which has ended.
func Measure(ctx context.Context, c client.Client, workflowID string) (Footprint, error) {
	all, err := Histories(ctx, c, workflowID)
	if err != nil {
		return Footprint{}, err
	}
	f := Footprint{Cases: 1}
	for _, h := range all {
		f.Events += int64(len(h.Events))
		f.Bytes += h.Bytes
		f.Transitions += h.Transitions
	}
	return f, nil
}

// Plus is the footprint of the cases of both.
func (f Footprint) Plus(g Footprint) Footprint {
	return Footprint{
		Cases: f.Cases + g.Cases, Events: f.Events + g.Events, Bytes: f.Bytes + g.Bytes, Transitions: f.Transitions + g.Transitions,
	}
}

// DifferenceError says that a twin is none: by what it differs from the product. The numbers are of one case.
type DifferenceError struct {
	What          string
	Product, Twin float64
}

// Error implements error.
func (e *DifferenceError) Error() string {
	return fmt.Sprintf("the twin is not one: %.2f %s of a case of the product, %.2f of the twin's (at most %.0f %% apart): learn the shape again",
		e.Product, e.What, e.Twin, 100*tolerance)
}

// Compare is nil if the cases of product and twin have, on average, the same number of events, bytes and state
// transitions, within 2 %. Else the error has a [*DifferenceError] for each that differs. A busy machine can make one
// workflow task of two, or two of one: compare some cases of each side, not one.
func Compare(product, twin Footprint) error {
	if product.Cases == 0 || twin.Cases == 0 {
		return errors.New("compare product and twin: there must be a case of each")
	}
	var errs []error
	for _, of := range []struct {
		what          string
		product, twin int64
	}{
		{"events", product.Events, twin.Events},
		{"bytes", product.Bytes, twin.Bytes},
		{"state transitions", product.Transitions, twin.Transitions},
	} {
		a, b := float64(of.product)/float64(product.Cases), float64(of.twin)/float64(twin.Cases)
		if math.Abs(a-b) > tolerance*a {
			errs = append(errs, &DifferenceError{What: of.what, Product: a, Twin: b})
		}
	}
	return errors.Join(errs...)
}
