package client

import (
	"context"
	"net/http"
	"time"

	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
)

// Staff are the people who bring a case to its end. Who has nothing to do in the cases at hand may be nil.
type Staff struct {
	// Storefront acts for the buyer, who brings the parcel to a counter.
	Storefront *Client
	Agent      *Client
	Warehouse  *Client
}

// Hire makes the staff of a merchant.
func (d Door) Hire(merchant string) (s Staff, err error) {
	for role, person := range map[string]**Client{"storefront": &s.Storefront, "agent": &s.Agent, "warehouse": &s.Warehouse} {
		if *person, err = d.As(merchant, role, role+"-1"); err != nil {
			return Staff{}, err
		}
	}
	return s, nil
}

// look is how long Advance waits for something that nobody of the staff can do.
const look = 30 * time.Second

// Advance does the next thing that a case waits for, by what it says itself, and returns the case as it is then: the
// application is approved, the parcel is shipped and received, the goods are accepted as they are. What waits for somebody
// else is waited for, some seconds. Doing it once more is safe: a step that was taken answers as it did then.
func (s Staff) Advance(ctx context.Context, c cases.Case) (cases.Case, error) {
	switch c.Stage {
	case cases.StageReviewing:
		key := "approve-" + c.CaseID
		answer, err := s.Agent.ApproveCaseWithResponse(ctx, c.CaseID, &gateway.ApproveCaseParams{IdempotencyKey: &key}, gateway.NoteAction{})
		if err != nil {
			return c, err
		}
		return s.acted(ctx, c, answer.StatusCode(), answer.Body, answer.JSON200)
	case cases.StageWaitingShipment:
		key := "ship-" + c.CaseID
		answer, err := s.Storefront.ShipParcelWithResponse(ctx, c.CaseID, &gateway.ShipParcelParams{IdempotencyKey: &key}, gateway.ShipAction{
			Carrier: "yuantong", TrackingNumber: "RT" + c.CaseID[len(c.CaseID)-20:],
		})
		if err != nil {
			return c, err
		}
		return s.acted(ctx, c, answer.StatusCode(), answer.Body, answer.JSON200)
	case cases.StageInTransit:
		key := "receive-" + c.CaseID
		answer, err := s.Warehouse.ReceiveParcelWithResponse(ctx, c.CaseID, &gateway.ReceiveParcelParams{IdempotencyKey: &key}, gateway.ReceiveAction{})
		if err != nil {
			return c, err
		}
		return s.acted(ctx, c, answer.StatusCode(), answer.Body, answer.JSON200)
	case cases.StageInspecting:
		return s.inspect(ctx, c)
	default:
		waiting, stop := context.WithTimeout(ctx, look)
		defer stop()
		stage := c.Stage
		return s.Storefront.Until(waiting, c.CaseID, func(c cases.Case) bool { return c.Stage != stage })
	}
}

// inspect accepts all of it.
func (s Staff) inspect(ctx context.Context, c cases.Case) (cases.Case, error) {
	var verdict gateway.InspectAction
	for _, l := range c.Lines {
		verdict.Lines = append(verdict.Lines, gateway.InspectedLine{
			LineID: l.LineID, AcceptedQuantity: l.Quantity, Condition: gateway.Intact,
		})
	}
	key := "inspect-" + c.CaseID
	answer, err := s.Warehouse.InspectGoodsWithResponse(ctx, c.CaseID, &gateway.InspectGoodsParams{IdempotencyKey: &key}, verdict)
	if err != nil {
		return c, err
	}
	return s.acted(ctx, c, answer.StatusCode(), answer.Body, answer.JSON200)
}

// acted is the case after an action. An action that somebody was faster with, or whose answer is still to come, is not
// an error: the case says itself where it is.
func (s Staff) acted(ctx context.Context, c cases.Case, status int, body []byte, ok *cases.Case) (cases.Case, error) {
	if status == http.StatusConflict || status == http.StatusAccepted {
		return s.Storefront.Case(ctx, c.CaseID)
	}
	return httpclient.Check(status, body, ok)
}
