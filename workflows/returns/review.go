package returns

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/caseflow"
	"aftercare.dev/workflows/contract"
)

// review decides whether the goods may come back: by rule, by a person, or by what silence means.
func (r *returning) review(ctx workflow.Context) (api.Outcome, error) {
	switch r.verdict.Decision {
	case api.JudgementDecisionApprove:
		r.flow.Tell(ctx, caseflow.Entry{Type: "case.approved", By: caseflow.By("policy"), Rules: r.verdict.Rules})
		return "", nil
	case api.JudgementDecisionReject:
		r.flow.Tell(ctx, caseflow.Entry{Type: "case.rejected", By: caseflow.By("policy"), Rules: r.verdict.Rules})
		return r.hearAnswer(ctx)
	case api.JudgementDecisionReview:
	}
	approved, err := r.ask(ctx)
	if err != nil || approved {
		return "", err
	}
	return r.hearAnswer(ctx)
}

// hearAnswer gives the buyer the one answer to a rejection. After it a person reviews the case once more, for good.
func (r *returning) hearAnswer(ctx workflow.Context) (api.Outcome, error) {
	wake, err := r.flow.Wait(ctx, caseflow.Wait{
		Stage:       api.StageRejected,
		Offers:      []caseflow.Offer{offer(contract.ActionAnswerRejection, contract.Buyer)},
		Deadline:    after(ctx, r.verdict.Clocks.AnswerSeconds),
		Consequence: "closed",
	})
	if err != nil {
		return "", err
	}
	if wake.Late {
		return api.OutcomeRejected, nil
	}
	by := wake.Act.By()
	r.flow.Tell(ctx, caseflow.Entry{Type: "case.rejection_answered", By: by.Actor, NoteID: by.NoteID})
	approved, err := r.ask(ctx)
	if err != nil || approved {
		return "", err
	}
	return api.OutcomeRejected, nil
}

// ask has a person review the case. A request for more information stops the clock until the buyer answers.
func (r *returning) ask(ctx workflow.Context) (approved bool, err error) {
	deadline := after(ctx, r.verdict.Clocks.ReviewSeconds)
	for {
		wake, err := r.flow.Wait(ctx, caseflow.Wait{
			Stage: api.StageReviewing,
			Offers: []caseflow.Offer{
				offer(contract.ActionApprove, contract.Agent),
				offer(contract.ActionReject, contract.Agent),
				offer(contract.ActionRequestInfo, contract.Agent),
			},
			Deadline:    deadline,
			Consequence: r.silence(),
		})
		if err != nil {
			return false, err
		}
		switch act := wake.Act.(type) {
		case contract.Approve:
			r.flow.Tell(ctx, caseflow.Entry{Type: "case.approved", By: act.Actor, NoteID: act.NoteID})
			return true, nil
		case contract.Reject:
			r.flow.Tell(ctx, caseflow.Entry{
				Type: "case.rejected", By: act.Actor, NoteID: act.NoteID, Data: map[string]any{"reason": act.Reason},
			})
			return false, nil
		case contract.RequestInfo:
			left := deadline.Sub(workflow.Now(ctx))
			if err := r.hearInfo(ctx, act); err != nil {
				return false, err
			}
			deadline = workflow.Now(ctx).Add(max(left, time.Minute))
		default:
			return r.decideBySilence(ctx), nil
		}
	}
}

// hearInfo waits for the buyer's answer to a request for information; without one the review goes on.
func (r *returning) hearInfo(ctx workflow.Context, request contract.RequestInfo) error {
	r.flow.Tell(ctx, caseflow.Entry{Type: "case.info_requested", By: request.Actor, NoteID: request.NoteID})
	wake, err := r.flow.Wait(ctx, caseflow.Wait{
		Stage:       api.StageWaitingInfo,
		Offers:      []caseflow.Offer{offer(contract.ActionProvideInfo, contract.Buyer)},
		Deadline:    after(ctx, r.verdict.Clocks.InfoSeconds),
		Consequence: "reviewed_without",
	})
	if err != nil {
		return err
	}
	if wake.Late {
		r.flow.Tell(ctx, caseflow.Entry{Type: "case.info_missing", By: caseflow.By("clock")})
		return nil
	}
	by := wake.Act.By()
	r.flow.Tell(ctx, caseflow.Entry{Type: "case.info_provided", By: by.Actor, NoteID: by.NoteID})
	return nil
}

func (r *returning) silence() string {
	if r.verdict.Clocks.ReviewSilence == api.ClocksReviewSilenceReject {
		return "rejected_automatically"
	}
	return "approved_automatically"
}

func (r *returning) decideBySilence(ctx workflow.Context) (approved bool) {
	rules := []string{"policy.review_silence"}
	if r.verdict.Clocks.ReviewSilence == api.ClocksReviewSilenceReject {
		r.flow.Tell(ctx, caseflow.Entry{Type: "case.rejected", By: caseflow.By("clock"), Rules: rules})
		return false
	}
	r.flow.Tell(ctx, caseflow.Entry{Type: "case.approved", By: caseflow.By("clock"), Rules: rules})
	return true
}
