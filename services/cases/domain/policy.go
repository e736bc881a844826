// Package domain has the rules of after-sales: what a policy is, how an application is judged by it,
// what the accepted goods are worth, and what a step of a case may look like. It does no I/O.
package domain

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a container may come without time zones, and windows end at local midnight

	"aftercare.dev/services/platform/money"
	"aftercare.dev/services/platform/problem"
)

// Limits of a policy.
const (
	maxDays       = 3650
	maxSeconds    = maxDays * 24 * 60 * 60
	maxCategories = 50
	maxCategory   = 64
	maxHolidays   = 400
	maxReminders  = 5
)

// Date is a day of the calendar as ISO 8601 writes it: 2026-10-01.
type Date string

// Windows are days from the day after delivery was signed; nil means without end.
type Windows struct {
	NoReasonDays *int `json:"no_reason_days,omitempty"`
	QualityDays  *int `json:"quality_days,omitempty"`
	OnlineDays   *int `json:"online_days,omitempty"`
	StoreDays    *int `json:"store_days,omitempty"`
}

// ReviewRules say who decides.
type ReviewRules struct {
	// AutoApprove lists the groups that a rule may approve.
	AutoApprove []ReasonGroup `json:"auto_approve"`
	// AutoApproveLimit is the largest refund that a rule may approve; nil means any.
	AutoApproveLimit *money.Money `json:"auto_approve_limit,omitempty"`
	// EvidenceRequired lists the groups that go to a person if there is no photo.
	EvidenceRequired []ReasonGroup `json:"evidence_required,omitempty"`
}

// Clocks are the deadlines of a case in seconds, and what silence means.
type Clocks struct {
	ReviewSeconds       int64   `json:"review_seconds"`
	ReviewSilence       Silence `json:"review_silence"`
	InfoSeconds         int64   `json:"info_seconds"`
	AnswerSeconds       int64   `json:"answer_seconds"`
	ShipSeconds         int64   `json:"ship_seconds"`
	ShipReminderSeconds []int64 `json:"ship_reminder_seconds"`
	TransitSeconds      int64   `json:"transit_seconds"`
	InspectSeconds      int64   `json:"inspect_seconds"`
	ContestSeconds      int64   `json:"contest_seconds"`
	InsuranceSeconds    int64   `json:"insurance_seconds"`
}

// Silence is what happens when nobody reviews in time.
type Silence string

// What silence can mean.
const (
	SilenceApproves Silence = "approve"
	SilenceRejects  Silence = "reject"
)

// PolicySpec is the content of a policy, as a merchant publishes it.
type PolicySpec struct {
	Timezone            string        `json:"timezone"`
	Windows             Windows       `json:"windows"`
	Exclusions          []string      `json:"exclusions,omitempty"`
	ConfirmedExclusions []string      `json:"confirmed_exclusions,omitempty"`
	Review              ReviewRules   `json:"review"`
	MerchantPaysFreight []ReasonGroup `json:"merchant_pays_freight,omitempty"`
	Holidays            []Date        `json:"holidays,omitempty"`
	Clocks              Clocks        `json:"clocks"`
}

// Policy is a policy that can be in force. Make it with [NewPolicy]; the zero value is invalid.
// It is immutable and safe for concurrent use.
type Policy struct {
	version  int64
	spec     PolicySpec
	location *time.Location
	holidays map[Date]bool
}

// NewPolicy checks the content and brings lists into one order, so that equal policies are equal
// byte for byte. Version 0 is the shipped default. The error is a 422 problem that names every
// field at fault.
func NewPolicy(version int64, spec PolicySpec) (Policy, error) {
	if spec.Timezone == "" {
		spec.Timezone = DefaultTimezone
	}
	c := &checker{}
	location := c.timezone(spec.Timezone)
	c.windows(spec.Windows)
	spec.Exclusions = c.categories("exclusions", spec.Exclusions)
	spec.ConfirmedExclusions = c.categories("confirmed_exclusions", spec.ConfirmedExclusions)
	for _, category := range spec.ConfirmedExclusions {
		if slices.Contains(spec.Exclusions, category) {
			c.fail("confirmed_exclusions", "a category is in exclusions already; name it in one of the two lists")
			break
		}
	}
	spec.Review.AutoApprove = c.groups("review.auto_approve", spec.Review.AutoApprove)
	spec.Review.EvidenceRequired = c.groups("review.evidence_required", spec.Review.EvidenceRequired)
	spec.MerchantPaysFreight = c.groups("merchant_pays_freight", spec.MerchantPaysFreight)
	c.limit(spec.Review.AutoApproveLimit)
	spec.Holidays = c.holidays(spec.Holidays)
	spec.Clocks = c.clocks(spec.Clocks)
	if err := c.err(); err != nil {
		return Policy{}, err
	}
	p := Policy{version: version, spec: spec, location: location, holidays: make(map[Date]bool, len(spec.Holidays))}
	for _, day := range spec.Holidays {
		p.holidays[day] = true
	}
	return p, nil
}

// Version is the number under which the merchant published the policy; 0 is the shipped default.
func (p Policy) Version() int64 { return p.version }

// Spec is the content in its one order. The caller must not change its lists.
func (p Policy) Spec() PolicySpec { return p.spec }

// merchantPays tells whether the merchant bears the freight of a case of this group.
func (p Policy) merchantPays(g ReasonGroup) bool {
	return slices.Contains(p.spec.MerchantPaysFreight, g)
}

// checker collects what is wrong with a policy.
type checker struct {
	faults []problem.FieldError
}

func (c *checker) fail(field, detail string) {
	c.faults = append(c.faults, problem.FieldError{Field: field, Detail: detail})
}

func (c *checker) err() error {
	if len(c.faults) == 0 {
		return nil
	}
	first := c.faults[0]
	return Fault(CodeInvalidPolicy, "", first.Field+": "+first.Detail).WithFields(c.faults...)
}

func (c *checker) timezone(name string) *time.Location {
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		c.fail("timezone", "must be a name of the IANA time zone database, such as Asia/Shanghai")
		return nil
	}
	return location
}

func (c *checker) windows(w Windows) {
	for _, window := range []struct {
		field string
		days  *int
	}{
		{"windows.no_reason_days", w.NoReasonDays},
		{"windows.quality_days", w.QualityDays},
		{"windows.online_days", w.OnlineDays},
		{"windows.store_days", w.StoreDays},
	} {
		if window.days != nil && (*window.days < 0 || *window.days > maxDays) {
			c.fail(window.field, fmt.Sprintf("must be 0 to %d days, or absent for no end", maxDays))
		}
	}
}

func (c *checker) categories(field string, categories []string) []string {
	if len(categories) > maxCategories {
		c.fail(field, fmt.Sprintf("must not have more than %d categories", maxCategories))
	}
	for i, category := range categories {
		if category == "" || len(category) > maxCategory || strings.TrimSpace(category) != category {
			c.fail(fmt.Sprintf("%s[%d]", field, i),
				fmt.Sprintf("must be 1 to %d bytes without spaces around them", maxCategory))
		}
	}
	return sorted(categories)
}

func (c *checker) groups(field string, groups []ReasonGroup) []ReasonGroup {
	for i, group := range groups {
		if _, known := group.Info(); !known {
			c.fail(fmt.Sprintf("%s[%d]", field, i), "must be a reason group, such as no_reason or quality")
		}
	}
	return sorted(groups)
}

func (c *checker) limit(limit *money.Money) {
	if limit == nil {
		return
	}
	if err := limit.Validate(); err != nil || limit.IsNegative() {
		c.fail("review.auto_approve_limit", "must be an amount of at least 0 in minor units with a currency")
	}
}

func (c *checker) holidays(days []Date) []Date {
	if len(days) > maxHolidays {
		c.fail("holidays", fmt.Sprintf("must not have more than %d days", maxHolidays))
	}
	for i, day := range days {
		if _, err := time.Parse(time.DateOnly, string(day)); err != nil {
			c.fail(fmt.Sprintf("holidays[%d]", i), "must be a date such as 2026-10-01")
		}
	}
	return sorted(days)
}

func (c *checker) clocks(clocks Clocks) Clocks {
	for _, clock := range []struct {
		field   string
		seconds int64
	}{
		{"review", clocks.ReviewSeconds},
		{"info", clocks.InfoSeconds},
		{"answer", clocks.AnswerSeconds},
		{"ship", clocks.ShipSeconds},
		{"transit", clocks.TransitSeconds},
		{"inspect", clocks.InspectSeconds},
		{"contest", clocks.ContestSeconds},
		{"insurance", clocks.InsuranceSeconds},
	} {
		if clock.seconds < 1 || clock.seconds > maxSeconds {
			c.fail("clocks."+clock.field+"_seconds", fmt.Sprintf("must be 1 to %d seconds", maxSeconds))
		}
	}
	if clocks.ReviewSilence != SilenceApproves && clocks.ReviewSilence != SilenceRejects {
		c.fail("clocks.review_silence", "must be approve or reject")
	}
	if len(clocks.ShipReminderSeconds) > maxReminders {
		c.fail("clocks.ship_reminder_seconds", fmt.Sprintf("must not have more than %d reminders", maxReminders))
	}
	for i, before := range clocks.ShipReminderSeconds {
		if before < 1 || before >= clocks.ShipSeconds {
			c.fail(fmt.Sprintf("clocks.ship_reminder_seconds[%d]", i), "must be at least 1 and less than clocks.ship_seconds")
		}
	}
	// The earliest reminder comes first: it is the longest time before the end.
	clocks.ShipReminderSeconds = sorted(clocks.ShipReminderSeconds)
	slices.Reverse(clocks.ShipReminderSeconds)
	return clocks
}

// sorted returns a sorted copy without duplicates, never nil.
func sorted[T ~string | ~int64](list []T) []T {
	ordered := slices.Clone(list)
	slices.Sort(ordered)
	return append([]T{}, slices.Compact(ordered)...)
}
