package crashpoints

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"aftercare.dev/deploy/audit"
)

// post tells the end of a case by a message.
func post(ctx context.Context, url, message, caseID string) error {
	body := strings.NewReader(`{"type":"case.closed","data":{"case_id":"` + caseID + `"}}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return err
	}
	request.Header.Set("Webhook-Id", message)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func TestTheEndOfEachCaseIsToldOnceHoweverLate(t *testing.T) {
	l, err := listen(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.close()) })
	r := &rig{Options: Options{Log: slog.New(slog.DiscardHandler)}, listener: l, expected: []audit.Expected{
		{CaseID: "late"}, {CaseID: "repeated"}, {CaseID: "doubled"}, {CaseID: "open", Open: true},
	}}
	for _, m := range [][2]string{{"msg1", "repeated"}, {"msg1", "repeated"}, {"msg2", "doubled"}, {"msg3", "doubled"}} {
		require.NoError(t, post(t.Context(), l.url, m[0], m[1]))
	}
	late := make(chan error, 1)
	time.AfterFunc(2*looking, func() { late <- post(t.Context(), l.url, "msg4", "late") })
	r.checkTold(t.Context())
	require.NoError(t, <-late)
	require.Equal(t, []string{"the end of case doubled was told by 2 messages: [msg2 msg3]"}, r.report.First)

	waiting, stop := context.WithCancel(t.Context())
	stop()
	r.expected = []audit.Expected{{CaseID: "lost"}}
	r.checkTold(waiting)
	require.Equal(t, 2, r.report.Violations)
	require.Contains(t, r.report.First[1], "lost was told by 0 messages")
}
