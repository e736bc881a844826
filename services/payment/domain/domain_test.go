package domain

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

func TestSplitIsExactAndNeverTakesMoreThanIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left := rapid.SliceOfN(rapid.Int64Range(0, money.Max), 1, 20).Draw(t, "left")
		var all int64
		for _, rest := range left {
			all += rest
		}
		amount := rapid.Int64Range(0, all).Draw(t, "amount")
		shares, ok := Split(amount, left)
		if !ok {
			t.Fatalf("%d of %d was refused", amount, all)
		}
		var sum int64
		for i, share := range shares {
			sum += share
			if share < 0 || share > left[i] {
				t.Fatalf("share %d is %d of %d", i, share, left[i])
			}
		}
		if sum != amount {
			t.Fatalf("shares add up to %d, want %d", sum, amount)
		}
		if _, ok := Split(all+1, left); ok {
			t.Fatal("more than everything was split")
		}
	})
}

func cny(amount int64) money.Money { return money.Money{Amount: amount, Currency: "CNY"} }

func TestRequestsThatMeanTheSameHaveTheSameHash(t *testing.T) {
	one, err := NewRequest("c", "o", "CNY", "r", []Asked{{"l1", cny(1)}, {"l2", cny(2)}, {"l3", cny(0)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	zero := cny(0)
	two, err := NewRequest("c", "o", "CNY", "r", []Asked{{"l2", cny(2)}, {"l1", cny(1)}}, &zero)
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewRequest("c", "o", "CNY", "r", []Asked{{"l2", cny(1)}, {"l1", cny(2)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if one.Hash() != two.Hash() || one.Hash() == other.Hash() || one.Total != 3 {
		t.Errorf("hashes %s %s %s, total %d", one.Hash(), two.Hash(), other.Hash(), one.Total)
	}
}

func TestRequestThatMakesNoSenseIsRefused(t *testing.T) {
	usd := money.Money{Amount: 1, Currency: "USD"}
	for name, test := range map[string]struct {
		lines   []Asked
		freight *money.Money
		code    string
	}{
		"nothing at all":     {nil, nil, "nothing_to_refund"},
		"only zeros":         {[]Asked{{"l1", cny(0)}}, nil, "nothing_to_refund"},
		"below zero":         {[]Asked{{"l1", cny(5)}, {"l2", cny(-1)}}, nil, problem.CodeInvalid},
		"line named twice":   {[]Asked{{"l1", cny(1)}, {"l1", cny(1)}}, nil, problem.CodeInvalid},
		"another currency":   {[]Asked{{"l1", cny(1)}}, &usd, problem.CodeInvalid},
		"beyond all amounts": {[]Asked{{"l1", cny(money.Max)}, {"l2", cny(1)}}, nil, problem.CodeInvalid},
		"freight as a line":  {[]Asked{{FreightLine, cny(1)}}, nil, problem.CodeInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := NewRequest("c", "o", "CNY", "r", test.lines, test.freight); !problem.HasCode(err, test.code) {
				t.Errorf("error is %v, want %s", err, test.code)
			}
		})
	}
}

func part(state PartState) Part {
	p := Part{
		Instruction: Instruction{RefundNumber: "rf_1", PaymentReference: "T1", Amount: 5, PaymentTotal: 9, Currency: "CNY"},
		PaymentID:   "p1", State: state, Version: 1,
	}
	if state == PartSucceeded {
		p.SucceededAt = time.Unix(1, 0)
	}
	return p
}

func held(status ProviderStatus) ProviderRefund {
	return ProviderRefund{RefundNumber: "rf_1", PaymentReference: "T1", Reference: "50", Status: status, Amount: 5, PaymentTotal: 9, Currency: "CNY"}
}

func TestRefundThatDiffersIsNeverASuccess(t *testing.T) {
	for name, change := range map[string]func(*ProviderRefund){
		"amount":   func(r *ProviderRefund) { r.Amount++ },
		"total":    func(r *ProviderRefund) { r.PaymentTotal++ },
		"currency": func(r *ProviderRefund) { r.Currency = "USD" },
		"number":   func(r *ProviderRefund) { r.RefundNumber = "rf_2" },
		"payment":  func(r *ProviderRefund) { r.PaymentReference = "T2" },
	} {
		t.Run(name, func(t *testing.T) {
			r := held(ProviderSucceeded)
			change(&r)
			for _, state := range []PartState{PartUnknown, PartProcessing, PartSucceeded, PartAbnormal} {
				told := part(state).Told(r, time.Now())
				refund := Refund{Parts: []Part{told}}
				if refund.State() != RefundNeedsAttention || refund.Attention() != Mismatch || refund.Refunded() != 0 {
					t.Errorf("%s became %s, %s", state, refund.State(), refund.Attention())
				}
			}
		})
	}
}

func TestSuccessIsTakenBackOnlyByAnExplicitWord(t *testing.T) {
	now := time.Unix(9, 0)
	succeeded := part(PartProcessing).Told(held(ProviderSucceeded), now)
	if succeeded.State != PartSucceeded || !succeeded.SucceededAt.Equal(now) {
		t.Fatalf("success became %+v", succeeded)
	}
	if still := succeeded.Told(held(ProviderProcessing), now); still.State != PartSucceeded {
		t.Errorf("processing took the success back: %+v", still)
	}
	for _, status := range []ProviderStatus{ProviderAbnormal, ProviderClosed} {
		reopened := succeeded.Told(held(status), now)
		refund := Refund{Parts: []Part{reopened}}
		if !reopened.Reopened || refund.State() != RefundNeedsAttention || !refund.SucceededAt().IsZero() {
			t.Errorf("%s after success is %s, reopened %v", status, refund.State(), reopened.Reopened)
		}
		if paid := reopened.Told(held(ProviderSucceeded), now); paid.State != PartSucceeded || paid.Reopened {
			t.Errorf("success after %s is %+v", status, paid)
		}
	}
}

func TestWhatAPersonSettledStaysSettled(t *testing.T) {
	for _, state := range []PartState{PartVoided, PartPaidManually} {
		for _, status := range []ProviderStatus{ProviderSucceeded, ProviderProcessing, ProviderAbnormal, ProviderClosed} {
			if told := part(state).Told(held(status), time.Now()); told != part(state) {
				t.Errorf("%s became %s by %s", state, told.State, status)
			}
		}
	}
}

func TestStateOfARefundIsThatOfItsLeastSettledPart(t *testing.T) {
	for _, test := range []struct {
		parts []PartState
		want  RefundState
	}{
		{[]PartState{PartSucceeded, PartSucceeded}, RefundSucceeded},
		{[]PartState{PartSucceeded, PartReserved, PartRefused}, RefundReserved},
		{[]PartState{PartRefused, PartUnknown}, RefundProcessing},
		{[]PartState{PartProcessing, PartClosed}, RefundProcessing},
		{[]PartState{PartClosed, PartAbnormal}, RefundNeedsAttention},
		{[]PartState{PartClosed, PartSucceeded}, RefundClosed},
		{[]PartState{PartSucceeded, PartVoided}, RefundVoided},
		{[]PartState{PartSucceeded, PartPaidManually}, RefundPaidManually},
	} {
		var refund Refund
		for _, state := range test.parts {
			refund.Parts = append(refund.Parts, part(state))
		}
		if refund.State() != test.want {
			t.Errorf("%v is %s, want %s", test.parts, refund.State(), test.want)
		}
	}
}
