// Package demo tells one return step by step in a terminal, the way the people in it see it. It uses the public API and
// nothing else.
package demo

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"aftercare.dev/deploy/client"
	gateway "aftercare.dev/gateway/api"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/httpclient"
	"aftercare.dev/services/platform/ids"
	"aftercare.dev/services/platform/money"
	"aftercare.dev/workflows/contract"
)

// Options say which system the story is told on.
type Options struct {
	// URL is the gateway, UI the Temporal UI, Keys sign the tokens.
	URL, UI string
	Keys    client.Signer
	Out     io.Writer
	// Passing says that the system ends with the story, and the links with it.
	Passing bool
	// Patience bounds the whole story.
	Patience time.Duration
}

const merchant = "demo"

// teller is the story as it goes.
type teller struct {
	Options
	begun time.Time
	order string
	buyer string

	storefront, customer, warehouse, administrator *client.Client
}

// Run tells the story and fails if it does not end as it should.
func Run(ctx context.Context, o Options) error {
	ctx, stop := context.WithTimeout(ctx, o.Patience)
	defer stop()
	t := &teller{Options: o, begun: time.Now(), order: "SO-" + ids.New("demo")[5:], buyer: "b-" + ids.New("demo")[20:]}
	if err := t.hire(); err != nil {
		return err
	}
	if err := t.sell(ctx); err != nil {
		return err
	}
	if err := t.preview(ctx); err != nil {
		return err
	}
	filed, err := t.file(ctx)
	if err != nil {
		return err
	}
	ended, err := t.follow(ctx, filed.CaseID)
	if err != nil {
		return err
	}
	return t.conclude(ctx, ended)
}

// hire makes a client for each person in the story.
func (t *teller) hire() (err error) {
	for _, person := range []struct {
		client        **client.Client
		role, subject string
	}{
		{&t.storefront, "storefront", "demo-shop"},
		{&t.customer, "buyer", t.buyer},
		{&t.warehouse, "warehouse", "wang"},
		{&t.administrator, "administrator", "demo"},
	} {
		if *person.client, err = client.As(t.URL, t.Keys, merchant, person.role, person.subject); err != nil {
			return err
		}
	}
	return nil
}

func (t *teller) say(who, format string, args ...any) {
	fmt.Fprintf(t.Out, "%6.1fs  %-10s %s\n", time.Since(t.begun).Seconds(), who, fmt.Sprintf(format, args...))
}

func (t *teller) detail(format string, args ...any) {
	fmt.Fprintf(t.Out, "%19s%s\n", "", fmt.Sprintf(format, args...))
}

func (t *teller) preview(ctx context.Context) error {
	answer, err := t.customer.PreviewCaseWithResponse(ctx, gateway.PreviewInput{
		OrderID: t.order, Type: cases.ReturnRefund, Reason: cases.ReasonSizeColorDislike, Lines: t.returned(),
	})
	if err != nil {
		return err
	}
	judgement, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	t.say("buyer", "asks what a return of one jacket would give, before filing anything")
	t.detail("refund %s, return freight paid by the %s%s, about %s from filing to money",
		amount(judgement.Refund.Total), judgement.ReturnFreight.Payer, insured(judgement.ReturnFreight.Insured),
		round(time.Duration(judgement.ExpectedSeconds)*time.Second))
	for _, rule := range judgement.Rules {
		t.detail("· %-24s %s", rule.RuleID, rule.Text)
	}
	return nil
}

func (t *teller) file(ctx context.Context) (cases.Case, error) {
	text := "The colour is not what I hoped for."
	filed, err := t.customer.Open(ctx, ids.New("demo"), gateway.CaseInput{
		OrderID: t.order, Type: cases.ReturnRefund, Reason: cases.ReasonSizeColorDislike, Lines: t.returned(), Text: &text,
	})
	if err != nil {
		return filed, fmt.Errorf("file: %w", err)
	}
	t.say("buyer", "files the return: %s", filed.CaseID)
	return filed, nil
}

// follow reads the live progress and does what each person in the story does next.
func (t *teller) follow(ctx context.Context, id string) (cases.Case, error) {
	entries := make(chan cases.Entry)
	failed := make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(entries)
		failed <- t.customer.Listen(ctx, id, func(e cases.Entry) { entries <- e })
	}()
	for e := range entries {
		t.say(string(e.Actor.Role), "%s", e.Title)
		if err := t.act(ctx, id, e.Type); err != nil {
			return cases.Case{}, err
		}
	}
	if err := <-failed; err != nil {
		return cases.Case{}, fmt.Errorf("follow the case: %w", err)
	}
	return t.customer.Case(ctx, id)
}

// act is what somebody does when something happened.
func (t *teller) act(ctx context.Context, id, happened string) error {
	switch happened {
	case "case.approved":
		t.detail("→ the buyer has a courier come")
		answer, err := t.customer.BookPickupWithResponse(ctx, id, nil, gateway.BookPickupAction{})
		if err != nil {
			return err
		}
		return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
	case "shipment.delivered":
		t.detail("→ the warehouse scans the parcel")
		answer, err := t.warehouse.ReceiveParcelWithResponse(ctx, id, nil, gateway.ReceiveAction{})
		if err != nil {
			return err
		}
		return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
	case "goods.received":
		t.detail("→ the warehouse inspects it: intact, can be sold as new")
		disposition := gateway.RestockNew
		answer, err := t.warehouse.InspectGoodsWithResponse(ctx, id, nil, gateway.InspectAction{Lines: []gateway.InspectedLine{
			{LineID: jacket, AcceptedQuantity: 1, Condition: gateway.Intact, Disposition: &disposition},
		}})
		if err != nil {
			return err
		}
		return httpclient.CheckStatus(answer.StatusCode(), answer.Body)
	default:
		return nil
	}
}

// conclude shows the money.
func (t *teller) conclude(ctx context.Context, c cases.Case) error {
	if c.Outcome == nil || *c.Outcome != cases.OutcomeRefunded || c.Refund == nil {
		return fmt.Errorf("the case ended as %s in stage %s, not refunded", text(c.Outcome), c.Stage)
	}
	fmt.Fprintf(t.Out, "\nThe money\n")
	t.detail("refunded to the buyer      %s", amount(c.Refund.Amount))
	answer, err := t.administrator.ListRefundsWithResponse(ctx, &gateway.ListRefundsParams{CaseID: &c.CaseID})
	if err != nil {
		return err
	}
	refunds, err := httpclient.Check(answer.StatusCode(), answer.Body, answer.JSON200)
	if err != nil {
		return fmt.Errorf("read the refunds: %w", err)
	}
	for _, refund := range refunds.Items {
		for _, part := range refund.Parts {
			t.detail("  to payment %-13s  %s  %s, refund number %s", part.PaymentID, amount(part.Amount), part.State, part.RefundNumber)
		}
	}
	if c.Insurance != nil && c.Insurance.Payout != nil {
		t.detail("return freight, by insurer %s", amount(*c.Insurance.Payout))
	}
	fmt.Fprintf(t.Out, "\nThe case as operators see it\n")
	t.detail("%s/namespaces/aftercare/workflows/%s", t.UI, url.PathEscape(contract.CaseWorkflowID(merchant, c.CaseID)))
	if t.Passing {
		t.detail("(this system ends with the demo; on one that make run keeps up, the link stays)")
	}
	return nil
}

func amount(m money.Money) string {
	return fmt.Sprintf("%s %d.%02d", m.Currency, m.Amount/100, m.Amount%100)
}

func insured(yes bool) string {
	if yes {
		return " and given back by the insurer"
	}
	return ""
}

func round(d time.Duration) string {
	if days := int(d.Hours() / 24); days > 0 {
		return fmt.Sprintf("%d days", days)
	}
	return d.Round(time.Minute).String()
}

func text[T ~string](s *T) string {
	if s == nil {
		return "unfinished"
	}
	return string(*s)
}
