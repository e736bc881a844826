package insurance

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"gorm.io/gorm"

	"aftercare.dev/services/logistics/domain"
	"aftercare.dev/services/logistics/store"
	"aftercare.dev/services/platform/database/databasetest"
	"aftercare.dev/services/platform/problem"
)

func TestAClaimIsFiledOnceAndPaid(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, store.Migrations(), func(t *testing.T, db *gorm.DB) {
		r := furnish(t, db)
		r.insured("pay1")
		r.parcel("case", "s1", true)
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() { r.filed("case", "s1") })
		}
		running.Wait()
		if c := r.filed("case", "s1"); c.State != domain.ClaimFiled || c.Number != "R" || r.insurer.claims != 1 {
			t.Fatalf("%+v, %d claims", c, r.insurer.claims)
		}
		r.insurer.with(func() { r.insurer.status["pay1"] = 5 })
		if c := r.asked("case"); c.State != domain.ClaimPaid || c.PayoutFen != 1000 || !c.PaidAt.Equal(noon) {
			t.Errorf("%+v", c)
		}
		if p, err := r.Policy(context.Background(), "m", "order"); err != nil || p.State != domain.PolicyClaimed {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestALostAnswerAboutAClaimIsAskedAbout(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.insured("pay1")
		r.parcel("case", "s1", true)
		r.insurer.lose["claim"] = 1
		if c := r.filed("case", "s1"); c.State != domain.ClaimPending {
			t.Fatalf("%+v", c)
		}
		if c := r.asked("case"); c.State != domain.ClaimFiled || c.Number != "R" || r.insurer.claims != 1 {
			t.Errorf("%+v, %d claims", c, r.insurer.claims)
		}
	})
}

func TestAClaimThatTheInsurerAlreadyHasIsTakenOver(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.insured("pay1")
		r.parcel("case", "s1", true)
		r.insurer.with(func() { r.insurer.status["pay1"] = 6 })
		if c := r.filed("case", "s1"); c.State != domain.ClaimRejected || c.Reason != domain.ReasonPayoutFailed || !c.Holds {
			t.Fatalf("%+v", c)
		}
		// The insurer has been seen to pay later by itself.
		r.insurer.with(func() { r.insurer.status["pay1"] = 5 })
		if c := r.asked("case"); c.State != domain.ClaimPaid {
			t.Errorf("%+v", c)
		}
	})
}

func TestRefusalsOfTheInsurerEndAClaimWithAReason(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.insured("pay1")
		r.parcel("case", "s1", true)
		for code, want := range map[int]string{1011: "waybill_already_used", 2021: "waybill_bound_to_another"} {
			r.parcel("case", fmt.Sprint("s", code), true)
			r.insurer.with(func() { r.insurer.refuse["claim"] = code })
			if c := r.filed("case", fmt.Sprint("s", code)); c.State != domain.ClaimRejected || c.Reason != want || c.Holds {
				t.Errorf("%d: %+v", code, c)
			}
		}
		if c := r.filed("case", "s1"); c.State != domain.ClaimFiled {
			t.Errorf("again with another parcel: %+v", c)
		}
		if _, err := r.File(context.Background(), "m", "case", "order", "s1011"); !problem.HasCode(err, domain.CodeClaimDiffers) {
			t.Errorf("another parcel after the insurer took the claim: %v", err)
		}
	})
}

func TestASuspendedInsurerIsAskedAgainLater(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.insured("pay1")
		r.parcel("case", "s1", true)
		r.insurer.refuse["claim"] = 2008
		if c := r.filed("case", "s1"); c.State != domain.ClaimPending || c.Reason != "insurer_suspended" {
			t.Fatalf("%+v", c)
		}
		r.pass(patience.Retry)
		if err := r.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		c, err := r.Claim(context.Background(), "m", "case", false)
		if err != nil || c.State != domain.ClaimFiled || c.Reason != "" {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestOnlyAParcelOfTheCaseThatWasPickedUpCanBeClaimedFor(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		ctx := context.Background()
		r.insured("pay1")
		r.parcel("case", "waiting", false)
		if _, err := r.File(ctx, "m", "case", "order", "waiting"); !problem.HasCode(err, domain.CodeNotPickedUp) {
			t.Errorf("not picked up: %v", err)
		}
		r.parcel("other", "theirs", true)
		if _, err := r.File(ctx, "m", "case", "order", "theirs"); !problem.HasCode(err, problem.CodeUnprocessable) {
			t.Errorf("of another case: %v", err)
		}
		if _, err := r.File(ctx, "m", "case", "order", "none"); !problem.HasCode(err, domain.CodeShipmentNotFound) {
			t.Errorf("none: %v", err)
		}
		if _, err := r.Claim(ctx, "m", "case", true); !problem.HasCode(err, domain.CodeClaimNotFound) {
			t.Errorf("a refused request left a claim: %v", err)
		}
	})
}

func TestWithoutAPolicyOrWithAnotherCasesClaimAClaimIsRejected(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		r.parcel("uninsured", "s0", true)
		if c := r.filed("uninsured", "s0"); c.State != domain.ClaimRejected || c.Reason != "no_policy" {
			t.Errorf("%+v", c)
		}
		r.insured("pay1")
		r.parcel("first", "s1", true)
		r.parcel("second", "s2", true)
		r.filed("first", "s1")
		if c := r.filed("second", "s2"); c.State != domain.ClaimRejected || c.Reason != store.ReasonOtherCase {
			t.Errorf("%+v", c)
		}
		if c := r.asked("first"); c.State != domain.ClaimFiled {
			t.Errorf("%+v", c)
		}
	})
}

func TestTheInsurersNewsWakeTheCaseAndChangeNothing(t *testing.T) {
	with(t, func(t *testing.T, r *room) {
		ctx := context.Background()
		r.insured("pay1")
		if events, err := r.Decided(ctx, "pay1", true); err != nil || len(events) != 0 {
			t.Errorf("without a claim: %+v, %v", events, err)
		}
		r.parcel("case", "s1", true)
		r.filed("case", "s1")
		for range 2 {
			events, err := r.Decided(ctx, "pay1", true)
			if err != nil || len(events) != 1 || events[0] != (Event{"case:claim:paid", "m", "case", "case"}) {
				t.Errorf("%+v, %v", events, err)
			}
		}
		if events, err := r.Decided(ctx, "unknown", true); err != nil || len(events) != 0 {
			t.Errorf("unknown payment: %+v, %v", events, err)
		}
		if c, err := r.Claim(ctx, "m", "case", false); err != nil || c.State != domain.ClaimFiled {
			t.Errorf("%+v, %v", c, err)
		}
	})
}
