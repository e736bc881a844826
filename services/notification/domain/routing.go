package domain

import "slices"

// Channel is a way to reach somebody.
type Channel string

// The channels of the contract. The inbox is the one that always works: what is stored is delivered.
const (
	ChannelInbox   Channel = "inbox"
	ChannelEmail   Channel = "email"
	ChannelWebhook Channel = "webhook"
)

// StaffRecipient is whose inbox the merchant's staff share.
const StaffRecipient = "staff"

// Route says whom a type of event reaches beside the buyer's inbox and the webhooks.
type Route struct {
	// Email is true for what a person wants to know without looking: decisions, money, and what they
	// have to do next.
	Email bool
	// Staff is true for what somebody at the merchant's has to act on.
	Staff bool
}

// routes has every type that a case announces.
var routes = map[string]Route{
	"case.opened":             {Email: true, Staff: true},
	"case.approved":           {Email: true},
	"case.rejected":           {Email: true},
	"case.rejection_answered": {Staff: true},
	"case.info_requested":     {Email: true},
	"case.info_missing":       {Staff: true},
	"case.info_provided":      {Staff: true},
	"case.withdrawn":          {Staff: true},
	"case.reminded":           {Email: true},
	"case.closed":             {Email: true},
	"case.reopened":           {Email: true, Staff: true},
	"case.needs_attention":    {Staff: true},
	"case.attention_resolved": {Staff: true},
	"case.note_added":         {Staff: true},

	"shipment.pickup_booked":      {Email: true},
	"shipment.pickup_rescheduled": {Email: true},
	"shipment.pickup_cancelled":   {Email: true},
	"shipment.pickup_failed":      {Email: true, Staff: true},
	"shipment.courier_assigned":   {},
	"shipment.sent":               {},
	"shipment.picked_up":          {},
	"shipment.delivered":          {},
	"shipment.refused":            {Staff: true},
	"shipment.returned":           {Staff: true},
	"shipment.lost":               {Email: true, Staff: true},
	"shipment.mixed_up":           {Staff: true},
	"shipment.delayed":            {Staff: true},

	"goods.received":            {},
	"goods.inspected":           {},
	"goods.accepted_by_silence": {Staff: true},
	"goods.rejected":            {Email: true},
	"goods.contested":           {Staff: true},
	"goods.contest_decided":     {Email: true},
	"goods.rejection_agreed":    {},
	"goods.sent_back":           {Email: true},
	"goods.returned_to_buyer":   {},

	"refund.reserved":        {},
	"refund.submitted":       {},
	"refund.nothing_due":     {},
	"refund.succeeded":       {Email: true},
	"refund.needs_attention": {Staff: true},
	"refund.differs":         {Email: true, Staff: true},
	"refund.late":            {Staff: true},
	"refund.resolved":        {Staff: true},
	"refund.failed":          {Email: true, Staff: true},

	"insurance.claimed":  {},
	"insurance.paid":     {Email: true},
	"insurance.rejected": {Email: true, Staff: true},
	"insurance.late":     {Staff: true},

	TypeWebhookDisabled: {Staff: true},
}

// Types lists every type of event that has a route, in order.
func Types() []string {
	types := make([]string, 0, len(routes))
	for name := range routes {
		types = append(types, name)
	}
	slices.Sort(types)
	return types
}

// Target is one recipient on one channel.
type Target struct {
	Channel Channel
	// ID is the person for inbox and e-mail, the endpoint for webhooks.
	ID string
}

// Targets says whom the event concerns. The buyer hears of nothing that is for staff only; the
// endpoints are the merchant's own and hear of everything that they ask for. An event that nobody
// here knows goes to the buyer's inbox, or to the staff's if it is theirs: better told in plain
// words than lost.
func (e Event) Targets(endpoints []Endpoint) []Target {
	route, known := routes[e.Type]
	var targets []Target
	if e.Audience == AudienceEveryone {
		targets = append(targets, Target{ChannelInbox, e.BuyerID})
		if route.Email {
			targets = append(targets, Target{ChannelEmail, e.BuyerID})
		}
	}
	if route.Staff || (!known && e.Audience == AudienceStaff) {
		targets = append(targets, Target{ChannelInbox, StaffRecipient})
	}
	if e.Type == TypeWebhookDisabled {
		return targets
	}
	for _, endpoint := range endpoints {
		if endpoint.Wants(e.Type) {
			targets = append(targets, Target{ChannelWebhook, endpoint.EndpointID})
		}
	}
	return targets
}
