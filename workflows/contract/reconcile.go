package contract

// The reconciliation compares a provider's bill of a day with the refunds, and carries what differs to the cases.
const (
	// ReconcileWorkflow is its workflow type.
	ReconcileWorkflow = "Reconcile"
	// ReconcileID is the id of its schedule, and what the ids of its workflows begin with.
	ReconcileID = "aftercare-reconcile"
)

// ReconcileInput starts a reconciliation; the zero value is what the schedule uses.
type ReconcileInput struct {
	// Providers are those whose bills are compared; none means wechatpay.
	Providers []string `json:"providers,omitempty"`
	// Days are the days whose bills are compared, such as 2026-11-21, as the provider counts days; none means the three
	// before today, so that a day on which nothing could be compared is made good.
	Days []string `json:"days,omitempty"`
}
