package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/platform/problem"
)

func newPolicy(merchantID, orderID, payment string) domain.Policy {
	return domain.Policy{
		MerchantID: merchantID, OrderID: orderID, State: domain.PolicyPending, CreatedAt: noon, UpdatedAt: noon,
		Input: domain.PolicyInput{PaymentReference: payment, PaidAt: noon, PaidFen: 9900, Carrier: "sf", TrackingNumber: "SF1"},
	}
}

func newClaim(caseID string) domain.Claim {
	return domain.Claim{
		MerchantID: "m", CaseID: caseID, OrderID: "o", ShipmentID: "s-" + caseID, State: domain.ClaimPending, Holds: true,
		CreatedAt: noon, UpdatedAt: noon,
	}
}

func TestAnOrderIsInsuredOnceAndAPaymentForOneOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		var added atomic.Int64
		together(8, func(int) {
			_, isNew, err := s.AddPolicy(ctx, newPolicy("m", "o1", "pay1"))
			if err != nil {
				t.Error(err)
			}
			if isNew {
				added.Add(1)
			}
		})
		if added.Load() != 1 {
			t.Errorf("%d policies", added.Load())
		}
		for _, p := range []domain.Policy{newPolicy("m", "o2", "pay1"), newPolicy("other", "o1", "pay1")} {
			if _, _, err := s.AddPolicy(ctx, p); !problem.HasCode(err, domain.CodePaymentInsured) {
				t.Errorf("%s %s: %v", p.MerchantID, p.OrderID, err)
			}
		}
		if _, err := s.Policy(ctx, "other", "o1"); !problem.HasCode(err, domain.CodePolicyNotFound) {
			t.Errorf("another merchant: %v", err)
		}
		if p, err := s.PolicyOf(ctx, "pay1"); err != nil || p.OrderID != "o1" {
			t.Errorf("by payment: %v, %v", p.OrderID, err)
		}
	})
}

func TestAnOrderHasOneClaimThatCounts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		var holding, rejected atomic.Int64
		together(8, func(i int) {
			c, _, err := s.AddClaim(ctx, newClaim(fmt.Sprintf("c%d", i)))
			switch {
			case err != nil:
				t.Error(err)
			case c.Holds && c.State == domain.ClaimPending:
				holding.Add(1)
			case c.State == domain.ClaimRejected && c.Reason == ReasonOtherCase:
				rejected.Add(1)
			}
		})
		if holding.Load() != 1 || rejected.Load() != 7 {
			t.Errorf("%d hold the order, %d were rejected", holding.Load(), rejected.Load())
		}
		c, err := s.ClaimOn(ctx, "m", "o")
		if err != nil || !c.Holds {
			t.Fatalf("%+v, %v", c, err)
		}
		again, added, err := s.AddClaim(ctx, newClaim(c.CaseID))
		if err != nil || added || again.CaseID != c.CaseID {
			t.Errorf("repeated: %+v, %v, %v", again, added, err)
		}
	})
}

func TestARejectedClaimLetsAnotherCaseTryAndCannotComeBackBesideIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		if _, _, err := s.AddClaim(ctx, newClaim("first")); err != nil {
			t.Fatal(err)
		}
		reject := func(c *domain.Claim) error { c.Reject("waybill_already_used"); return nil }
		if _, err := s.UpdateClaim(ctx, "m", "first", reject); err != nil {
			t.Fatal(err)
		}
		if c, _, err := s.AddClaim(ctx, newClaim("second")); err != nil || c.State != domain.ClaimPending {
			t.Fatalf("%+v, %v", c, err)
		}
		back := func(c *domain.Claim) error { c.State, c.Reason, c.Holds = domain.ClaimPending, "", true; return nil }
		if c, err := s.UpdateClaim(ctx, "m", "first", back); err != nil || c.State != domain.ClaimRejected || c.Reason != ReasonOtherCase {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestPendingInsuranceIsFoundWhenItHasWaited(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		asked := newPolicy("m", "asked", "pay1")
		asked.AskedAt = noon
		for _, p := range []domain.Policy{asked, newPolicy("m", "new", "pay2")} {
			if _, _, err := s.AddPolicy(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := s.AddClaim(ctx, newClaim("c")); err != nil {
			t.Fatal(err)
		}
		if got, err := s.PendingPolicies(ctx, noon.Add(-time.Second), 10); err != nil || len(got) != 1 || got[0].OrderID != "new" {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := s.PendingPolicies(ctx, noon, 10); err != nil || len(got) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := s.PendingClaims(ctx, noon, 10); err != nil || len(got) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
