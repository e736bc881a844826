package domain

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"aftercare.dev/services/platform/money"
)

func TestAPolicyThatCannotBeInForceNamesTheField(t *testing.T) {
	for field, change := range map[string]func(*PolicySpec){
		"timezone":                        func(s *PolicySpec) { s.Timezone = "Mars/Olympus" },
		"windows.no_reason_days":          func(s *PolicySpec) { s.Windows.NoReasonDays = new(-1) },
		"windows.store_days":              func(s *PolicySpec) { s.Windows.StoreDays = new(4000) },
		"exclusions[0]":                   func(s *PolicySpec) { s.Exclusions = []string{" "} },
		"confirmed_exclusions":            func(s *PolicySpec) { s.ConfirmedExclusions = []string{"perishable"} },
		"review.auto_approve[1]":          func(s *PolicySpec) { s.Review.AutoApprove = []ReasonGroup{Quality, "mood"} },
		"review.evidence_required[0]":     func(s *PolicySpec) { s.Review.EvidenceRequired = []ReasonGroup{"mood"} },
		"review.auto_approve_limit":       func(s *PolicySpec) { s.Review.AutoApproveLimit = &money.Money{Amount: -1, Currency: "CNY"} },
		"merchant_pays_freight[0]":        func(s *PolicySpec) { s.MerchantPaysFreight = []ReasonGroup{"mood"} },
		"holidays[0]":                     func(s *PolicySpec) { s.Holidays = []Date{"2026-02-30"} },
		"clocks.review_seconds":           func(s *PolicySpec) { s.Clocks.ReviewSeconds = 0 },
		"clocks.insurance_seconds":        func(s *PolicySpec) { s.Clocks.InsuranceSeconds = 1 << 40 },
		"clocks.review_silence":           func(s *PolicySpec) { s.Clocks.ReviewSilence = "shrug" },
		"clocks.ship_reminder_seconds[0]": func(s *PolicySpec) { s.Clocks.ShipReminderSeconds = []int64{s.Clocks.ShipSeconds} },
		"clocks.ship_reminder_seconds":    func(s *PolicySpec) { s.Clocks.ShipReminderSeconds = []int64{1, 2, 3, 4, 5, 6} },
	} {
		spec := defaultSpec()
		change(&spec)
		_, err := NewPolicy(1, spec)
		if err == nil {
			t.Errorf("%s was accepted", field)
			continue
		}
		checkProblem(t, err, 422, CodeInvalidPolicy, field)
	}
}

func TestTheOrderOfListsIsNoDifference(t *testing.T) {
	one := revised(t, func(s *PolicySpec) {
		s.Exclusions = []string{"b", "a", "b"}
		s.Holidays = []Date{"2026-01-02", "2026-01-01"}
	})
	other := revised(t, func(s *PolicySpec) {
		s.Exclusions = []string{"a", "b"}
		s.Holidays = []Date{"2026-01-01", "2026-01-02"}
	})
	if !reflect.DeepEqual(one.Spec(), other.Spec()) {
		t.Errorf("%+v\n%+v", one.Spec(), other.Spec())
	}
}

func TestTheShippedPolicyIsWhatTheDomainSays(t *testing.T) {
	p := DefaultPolicy()
	data, err := json.Marshal(p.Spec().Clocks)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"review_seconds":172800,"review_silence":"approve","info_seconds":259200,"answer_seconds":604800,` +
		`"ship_seconds":604800,"ship_reminder_seconds":[259200,86400],"transit_seconds":864000,"inspect_seconds":172800,` +
		`"contest_seconds":172800,"insurance_seconds":86400}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
	w := p.Spec().Windows
	if p.Version() != 0 || *w.NoReasonDays != 7 || *w.QualityDays != 15 || *w.OnlineDays != 30 || *w.StoreDays != 15 {
		t.Errorf("version %d, windows %+v", p.Version(), w)
	}
}

func TestEveryReasonHasANameInBothLanguagesAndAGroup(t *testing.T) {
	if len(reasons) != 39 {
		t.Errorf("%d reasons, the contract has 39", len(reasons))
	}
	for reason, info := range reasons {
		group, known := info.Group.Info()
		if !known || info.Name.English == "" || info.Name.Chinese == "" || group.Name.Chinese == "" || group.Liable == "" {
			t.Errorf("%s: %+v, %+v", reason, info, group)
		}
	}
}

func TestAStepThatNoCaseCanTakeNamesTheField(t *testing.T) {
	open := State{Stage: "reviewing", Status: StatusOpen}
	for _, c := range []struct {
		name    string
		entries []Entry
		state   State
		field   string
	}{
		{"no entries", nil, open, "entries"},
		{"numbers from zero", []Entry{{Number: 0}}, open, "entries[0].number"},
		{"a gap", []Entry{{Number: 1}, {Number: 3}}, open, "entries[1].number"},
		{"no id of a note", []Entry{{Number: 1, NoteID: strings.Repeat("x", 65)}}, open, "entries[0].note_id"},
		{"closed in the middle", []Entry{{Number: 1}}, State{Stage: "reviewing", Status: StatusClosed}, "state.stage"},
		{"closed without an outcome", []Entry{{Number: 1}}, State{Stage: StageClosed, Status: StatusClosed}, "state.outcome"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewStep(c.entries, c.state, 0)
			checkProblem(t, err, 422, CodeInvalidStep, c.field)
		})
	}
}

func TestACaseIsFoundByTheBeginningOfATrackingNumberThatIsTooLong(t *testing.T) {
	step, err := NewStep([]Entry{{Number: 1}}, State{Stage: "in_transit", Status: StatusOpen, TrackingNumber: strings.Repeat("单", 70)}, 0)
	if err != nil || step.State().TrackingNumber != strings.Repeat("单", 64) {
		t.Errorf("%q, %v", step.State().TrackingNumber, err)
	}
}
