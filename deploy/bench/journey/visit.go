package journey

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"time"

	cases "aftercare.dev/services/cases/api"
)

// visit is one case on its way. It is for one goroutine.
type visit struct {
	*Shop
	kind    Kind
	orderID string
	photo   string // the id of a photo
	found   cases.Case
	acts    int
}

// travel takes the case along its way to its end.
func (v *visit) travel(ctx context.Context) error {
	if err := v.order(ctx); err != nil {
		return fmt.Errorf("buy: %w", err)
	}
	for _, s := range v.kind.steps {
		if err := s(ctx, v); err != nil {
			return err
		}
	}
	if err := v.end(ctx); err != nil {
		return err
	}
	if v.found.Outcome == nil || *v.found.Outcome != v.kind.Outcome {
		return fmt.Errorf("it ended otherwise than %s", v.kind.Outcome)
	}
	return nil
}

// order takes an order from the stock, where they are not insured, or puts one.
func (v *visit) order(ctx context.Context) error {
	if !v.kind.insured {
		if id, ok := v.stock.take(); ok {
			v.orderID = id
			return nil
		}
	}
	return v.buy(ctx)
}

// ask sends a request of an operation, and measures it.
func (v *visit) ask(ctx context.Context, o operation, path, key string, body, out any) (status int, err error) {
	begun := time.Now()
	status, err = v.people[o.role].Answer(ctx, o.method, path, key, body, out)
	v.operations.add(o.id, time.Since(begun), err)
	if err != nil {
		return status, fmt.Errorf("%s: %w", o.id, err)
	}
	return status, nil
}

// operation is something of the API, and who does it.
type operation struct{ id, method, role string }

const (
	// A case that has just changed is left alone for firstLook, then for half as long again each time, up to lastLook.
	firstLook = 100 * time.Millisecond
	lastLook  = time.Second
)

func longer(pause time.Duration) time.Duration { return min(pause*3/2, lastLook) }

// rest waits, or returns why ctx has ended.
func rest(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

// until reads the case until it is as wanted, unless the last answer says that already.
func (v *visit) until(ctx context.Context, what string, wanted func(cases.Case) bool) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	for pause := firstLook; !wanted(v.found); pause = longer(pause) {
		if err := rest(ctx, pause); err != nil {
			return fmt.Errorf("not %s, it waits for %v (attention %v): %w", what, v.found.NextActions, v.found.Attention, err)
		}
		if err := v.read(ctx); err != nil {
			return err
		}
	}
	return nil
}

var getCase = operation{"getCase", http.MethodGet, "storefront"}

func (v *visit) read(ctx context.Context) error {
	var found cases.Case
	_, err := v.ask(ctx, getCase, "/v1/cases/"+v.found.CaseID, "", nil, &found)
	if err != nil {
		return err
	}
	v.found = found
	return nil
}

// end waits for the end of the case by its live progress, from where the last answer was. What the stream does not tell, because
// it could not be opened or was cut, the case is asked for.
func (v *visit) end(ctx context.Context) error {
	if v.found.Stage == cases.StageClosed {
		return nil
	}
	watching, stop := context.WithTimeout(ctx, patience)
	defer stop()
	begun, opened := time.Now(), time.Duration(0)
	err := v.watcher().ListenAfter(httptrace.WithClientTrace(watching, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { opened = time.Since(begun) },
	}), v.found.CaseID, v.found.Version, v.hear)
	v.operations.add("streamEvents", opened, err)
	return v.until(ctx, "closed", func(c cases.Case) bool { return c.Stage == cases.StageClosed })
}

// hear takes from an entry that the case has ended.
func (v *visit) hear(e cases.Entry) {
	if e.Type != "case.closed" || e.Data == nil {
		return
	}
	if said, ok := (*e.Data)["outcome"].(string); ok {
		outcome := cases.Outcome(said)
		v.found.Stage, v.found.Status, v.found.Outcome = cases.StageClosed, cases.StatusClosed, &outcome
	}
}
