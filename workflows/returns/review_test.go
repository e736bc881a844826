package returns_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	casesapi "aftercare.dev/services/cases/api"
	"aftercare.dev/workflows/contract"
)

// underReview is a world in which a person has to review the case.
func underReview(t *testing.T) *world {
	w := newWorld(t)
	w.verdict.Decision = casesapi.JudgementDecisionReview
	return w
}

func TestARuleApproves(t *testing.T) {
	w := newWorld(t)
	w.run()

	approved := w.entry("case.approved")
	require.Equal(t, "system", string(approved.Actor.Role))
	require.Equal(t, []string{"CN-01"}, *approved.Rules)
}

func TestAPersonApproves(t *testing.T) {
	w := underReview(t)
	approve := w.at(time.Hour, contract.Approve{Envelope: noted(agent, "note_1")})
	opened := w.run()

	require.Equal(t, "reviewing", opened.opened.Stage)
	approve.ok("waiting_shipment")
	approved := w.entry("case.approved")
	require.Equal(t, "a1", approved.Actor.ID)
	require.Equal(t, "note_1", *approved.NoteID)
}

func TestSilenceOfTheReviewerDecidesAsThePolicySays(t *testing.T) {
	t.Run("approve", func(t *testing.T) {
		w := underReview(t)
		w.run()

		require.Equal(t, 48*time.Hour, w.when("case.approved", 1))
		require.Equal(t, []string{"policy.review_silence"}, *w.entry("case.approved").Rules)
		require.Equal(t, "approved_automatically", *w.steps[0].NextActions[0].Consequence)
	})
	t.Run("reject", func(t *testing.T) {
		w := underReview(t)
		w.verdict.Clocks.ReviewSilence = casesapi.ClocksReviewSilenceReject
		w.run()

		require.Equal(t, 48*time.Hour, w.when("case.rejected", 1))
		require.Equal(t, "rejected", w.outcome(), "the buyer does not answer")
		require.Equal(t, (48+7*24)*time.Hour, w.closedAt())
		require.Equal(t, "rejected_automatically", *w.steps[0].NextActions[0].Consequence)
	})
}

func TestARequestForInformationStopsTheReviewersClock(t *testing.T) {
	w := underReview(t)
	w.at(10*time.Hour, contract.RequestInfo{Envelope: noted(agent, "note_question")}).expect("waiting_info")
	w.at(40*time.Hour, contract.ProvideInfo{Envelope: noted(buyer, "note_answer")}).expect("reviewing")
	w.run()

	require.Equal(t, "note_question", *w.entry("case.info_requested").NoteID)
	require.Equal(t, "note_answer", *w.entry("case.info_provided").NoteID)
	require.Equal(t, (40+38)*time.Hour, w.when("case.approved", 1), "38 of 48 hours were left")
}

func TestABuyerWhoGivesNoInformationIsReviewedWithout(t *testing.T) {
	w := underReview(t)
	w.at(10*time.Hour, contract.RequestInfo{Envelope: agent})
	w.at(82*time.Hour+time.Minute, contract.ProvideInfo{Envelope: buyer}).refuse(contract.RefusedNotAllowed)
	w.at(83*time.Hour, contract.Approve{Envelope: agent}).expect("waiting_shipment")
	w.run()

	require.Equal(t, 82*time.Hour, w.when("case.info_missing", 1))
}

func TestInformationCanBeRequestedAgainAndAgain(t *testing.T) {
	w := underReview(t)
	for round := range 3 {
		at := time.Duration(round) * 20 * time.Hour
		w.at(at+10*time.Hour, contract.RequestInfo{Envelope: agent})
		w.at(at+20*time.Hour, contract.ProvideInfo{Envelope: buyer})
	}
	w.run()

	require.Equal(t, (48+30)*time.Hour, w.when("case.approved", 1), "the clock stood still for 30 hours")
}

func TestARejectionCanBeAnsweredOnce(t *testing.T) {
	t.Run("and be overruled", func(t *testing.T) {
		w := underReview(t)
		w.at(time.Hour, contract.Reject{Envelope: noted(agent, "note_no"), Reason: "used"}).expect("rejected")
		w.at(2*time.Hour, contract.AnswerRejection{Envelope: noted(buyer, "note_but")}).expect("reviewing")
		w.at(3*time.Hour, contract.Approve{Envelope: agent}).expect("waiting_shipment")
		w.run()

		require.Equal(t, "used", (*w.entry("case.rejected").Data)["reason"])
		require.Equal(t, "note_but", *w.entry("case.rejection_answered").NoteID)
	})
	t.Run("and be upheld for good", func(t *testing.T) {
		w := underReview(t)
		w.at(time.Hour, contract.Reject{Envelope: agent, Reason: "used"})
		w.at(2*time.Hour, contract.AnswerRejection{Envelope: buyer})
		w.at(3*time.Hour, contract.Reject{Envelope: agent, Reason: "used"}).expect("closed")
		w.run()

		require.Equal(t, "rejected", w.outcome())
		require.Equal(t, 3*time.Hour, w.closedAt())
	})
	t.Run("and is upheld or not by silence", func(t *testing.T) {
		w := underReview(t)
		w.at(time.Hour, contract.Reject{Envelope: agent, Reason: "used"})
		w.at(2*time.Hour, contract.AnswerRejection{Envelope: buyer})
		w.run()

		require.Equal(t, 50*time.Hour, w.when("case.approved", 1))
	})
}

func TestARejectionThatNobodyAnswersClosesTheCase(t *testing.T) {
	w := underReview(t)
	w.at(time.Hour, contract.Reject{Envelope: agent, Reason: "used"})
	w.at((1+7*24)*time.Hour+time.Minute, contract.AnswerRejection{Envelope: buyer}).refuse("")
	w.run()

	require.Equal(t, (1+7*24)*time.Hour, w.closedAt())
	w.wantTimeline("case.opened case.rejected case.closed")
}

func TestARejectionByRuleCanBeAnswered(t *testing.T) {
	w := newWorld(t)
	w.verdict.Decision = casesapi.JudgementDecisionReject
	w.at(time.Hour, contract.AnswerRejection{Envelope: buyer}).expect("reviewing")
	w.at(2*time.Hour, contract.Approve{Envelope: agent}).expect("waiting_shipment")
	opened := w.run()

	require.Equal(t, "rejected", opened.opened.Stage)
	require.Equal(t, "reject", opened.opened.Decision)
	require.Equal(t, []string{"case.opened", "case.rejected", "case.rejection_answered", "case.approved"}, w.types()[:4])
}
