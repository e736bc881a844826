package domain

import "slices"

// decide says who decides: a rule or a person. Refund is in minor units.
func (j *judge) decide(eligible int, refund int64) Decision {
	if eligible == 0 {
		return Reject
	}
	if eligible < len(j.lines) {
		j.fire("policy.partly_eligible", Route, "", RuleParams{})
	}
	if j.order.Store && j.request.EvidenceCount == 0 {
		j.fire("policy.store_proof", Route, "windows.store_days", RuleParams{})
	}
	review := j.policy.spec.Review
	group := RuleParams{Group: j.group}
	if slices.Contains(review.EvidenceRequired, j.group) && j.request.EvidenceCount == 0 {
		j.fire("policy.evidence_required", Route, "review.evidence_required", group)
	}
	if !slices.Contains(review.AutoApprove, j.group) {
		j.fire("policy.person_decides", Route, "review.auto_approve", group)
	} else if j.aboveLimit(refund) {
		// An amount in another currency than the limit's cannot be compared, so that a person looks.
		j.fire("policy.auto_approve_limit", Route, "review.auto_approve_limit", RuleParams{Amount: review.AutoApproveLimit})
	}
	if j.routed {
		return Review
	}
	j.fire("policy.auto_approve", Allow, "review.auto_approve", group)
	return Approve
}

func (j *judge) aboveLimit(refund int64) bool {
	limit := j.policy.spec.Review.AutoApproveLimit
	if limit == nil {
		return false
	}
	return limit.Currency != j.order.Currency || refund > limit.Amount
}
