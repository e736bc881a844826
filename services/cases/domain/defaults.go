package domain

import (
	"time"

	"aftercare.dev/services/platform/money"
)

// DefaultTimezone is where a window's days end unless the policy says otherwise.
const DefaultTimezone = "Asia/Shanghai"

// statutoryExclusions are the categories that the law itself takes out of no-reason return
// (消费者权益保护法 article 25). A policy that does not list one of them promises to take it back.
var statutoryExclusions = []string{"custom_made", "perishable", "opened_media", "downloads", "newspapers"}

// DefaultPolicy is the policy of a merchant who has published none: version 0. Each number of it is
// the default of the shipped product and can be changed by publishing a policy.
func DefaultPolicy() Policy {
	p, err := NewPolicy(0, defaultSpec())
	if err != nil {
		panic(err) // a test builds it
	}
	return p
}

func defaultSpec() PolicySpec {
	return PolicySpec{
		Timezone: DefaultTimezone,
		Windows: Windows{
			NoReasonDays: new(7),
			QualityDays:  new(15),
			OnlineDays:   new(30),
			StoreDays:    new(15),
		},
		Exclusions: statutoryExclusions,
		// The three further classes of 七日无理由退货暂行办法 article 7.
		ConfirmedExclusions: []string{"unsealed_hygiene", "activated_electronics", "near_expiry"},
		Review: ReviewRules{
			AutoApprove:      []ReasonGroup{NoReason},
			AutoApproveLimit: &money.Money{Amount: 500_00, Currency: "CNY"},
			EvidenceRequired: []ReasonGroup{Quality, Mismatch, Logistics, Counterfeit},
		},
		MerchantPaysFreight: []ReasonGroup{Quality, Mismatch, Fulfilment, Logistics, Counterfeit},
		Holidays:            holidays2026(),
		Clocks: Clocks{
			ReviewSeconds:       seconds(48 * time.Hour),
			ReviewSilence:       SilenceApproves,
			InfoSeconds:         seconds(72 * time.Hour),
			AnswerSeconds:       seconds(7 * day),
			ShipSeconds:         seconds(7 * day),
			ShipReminderSeconds: []int64{seconds(3 * day), seconds(1 * day)},
			TransitSeconds:      seconds(10 * day),
			InspectSeconds:      seconds(48 * time.Hour),
			ContestSeconds:      seconds(2 * day),
			InsuranceSeconds:    seconds(24 * time.Hour),
		},
	}
}

const day = 24 * time.Hour

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// holidays2026 are the days off that the State Council announced for 2026. Later years are announced
// each autumn, so that they are data of the merchant's policy.
func holidays2026() []Date {
	var days []Date
	for _, holiday := range []struct {
		first string
		days  int
	}{
		{"2026-01-01", 3}, // 元旦
		{"2026-02-15", 9}, // 春节
		{"2026-04-04", 3}, // 清明
		{"2026-05-01", 5}, // 劳动节
		{"2026-06-19", 3}, // 端午
		{"2026-09-25", 3}, // 中秋
		{"2026-10-01", 7}, // 国庆
	} {
		first, err := time.Parse(time.DateOnly, holiday.first)
		if err != nil {
			panic(err) // a test builds it
		}
		for i := range holiday.days {
			days = append(days, Date(first.AddDate(0, 0, i).Format(time.DateOnly)))
		}
	}
	return days
}
