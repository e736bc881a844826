package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"aftercare.dev/deploy/standalone"
	"aftercare.dev/gateway/access"
	cases "aftercare.dev/services/cases/api"
	"aftercare.dev/services/platform/config"
	"aftercare.dev/services/platform/telemetry"
	"aftercare.dev/workflows/contract"
	"aftercare.dev/workflows/dial"
	"aftercare.dev/workflows/payload"
)

// vault is a system of its own that is started with one set of keys after the other.
type vault struct {
	t    *testing.T
	dir  string
	said *record

	*shop
	system *standalone.System
}

// payloadKey is a key of the tests as PAYLOAD_KEYS has it.
func payloadKey(n byte) string { return fmt.Sprintf("k%d:%s", n, secretOf(n)) }

func secretOf(n byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xA0 + n}, 32))
}

// restart stops the system and starts it on the same folder with the keys k<n>, the first one first.
func (v *vault) restart(numbers ...byte) {
	v.t.Helper()
	if v.system != nil {
		v.system.Stop()
	}
	var list []string
	for _, n := range numbers {
		list = append(list, payloadKey(n))
	}
	const free = "127.0.0.1:0"
	system, err := standalone.Start(context.Background(), standalone.Config{
		Dir: v.dir, GatewayAddr: free, TemporalAddr: free, UIAddr: free, SandboxAddr: free, MailAddr: free, CodecAddr: free, TimeScale: quickly,
		Payloads: dial.Config{PayloadKeys: config.Secret(strings.Join(list, ","))},
	}, telemetry.NewLogger(v.said, telemetry.LogConfig{Level: slog.LevelDebug, Format: "json"}))
	require.NoError(v.t, err)
	v.system = system
	v.h = &house{url: system.GatewayURL, sandbox: system.SandboxURL, temporal: system.Temporal, dir: v.dir, keys: system.Keys, said: v.said.String}
	v.staffed()
}

// TestHistoriesAreEncryptedAndKeysRotate follows a house from plain payloads over a first key to a second one, with the old
// one taken away too early.
func TestHistoriesAreEncryptedAndKeysRotate(t *testing.T) {
	t.Parallel()
	v := &vault{t: t, dir: t.TempDir(), said: &record{}, shop: &shop{t: t, merchant: "m-encrypted"}}
	v.restart()
	t.Cleanup(func() { v.system.Stop() })
	require.Empty(t, v.system.CodecURL, "a codec server without keys")
	plain := v.file(application(v.sell("b1", once, uninsured)))

	v.restart(1)
	closed := v.file(application(v.sell("b2", once)))
	open := v.file(application(v.sell("b3", once, uninsured)))
	v.finish(closed.CaseID)
	v.ends(closed.CaseID, cases.OutcomeRefunded)
	v.handIn(open.CaseID)
	v.handIn(plain.CaseID)
	v.says(closed, "k1")
	t.Run("a client without keys sends plain payloads and is understood", v.approvedByHand)
	t.Run("operators read by the codec server and nobody else does", func(t *testing.T) { v.readsOnly(t, closed) })

	v.restart(2, 1)
	v.restart(2) // too early
	t.Run("a workflow waits for a key that is missing", func(t *testing.T) { v.waits(t, open) })
	v.restart(2, 1)
	for _, c := range []cases.Case{open, plain} {
		v.finish(c.CaseID)
		v.ends(c.CaseID, cases.OutcomeRefunded)
		v.paid(c.OrderID, worth, 1)
	}
	v.says(open, "k1", "k2")
	v.opened(t, v.started(closed), closed.CaseID)

	for n := range byte(3) {
		require.NotContains(t, v.said.String(), secretOf(n), "a key is in the log")
	}
}

// events are those of all workflows of a case, by the API of Temporal alone.
func (v *vault) events(caseID string) []*historypb.HistoryEvent {
	v.t.Helper()
	c := v.h.dial(v.t)
	var events []*historypb.HistoryEvent
	for id := range histories(v.t, v.h) {
		if !strings.Contains(id, caseID) {
			continue
		}
		of := c.GetWorkflowHistory(context.Background(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for of.HasNext() {
			event, err := of.Next()
			require.NoError(v.t, err)
			events = append(events, event)
		}
	}
	require.NotEmpty(v.t, events)
	return events
}

// says checks that the histories of a case say nothing but with which of these keys they were encrypted. What is not a
// payload stays readable: ids of workflows, search attributes, types, and the trace in the headers.
func (v *vault) says(c cases.Case, keys ...string) {
	v.t.Helper()
	var used []string
	summaries := 0
	for _, event := range v.events(c.CaseID) {
		summaries += len(event.GetUserMetadata().GetSummary().GetMetadata())
		err := proxy.VisitPayloads(context.Background(), event, proxy.VisitPayloadsOptions{
			SkipSearchAttributes: true,
			Visitor: func(at *proxy.VisitPayloadsContext, found []*common.Payload) ([]*common.Payload, error) {
				header, traced := at.Parent.(*common.Header)
				for _, p := range found {
					if traced {
						require.Len(v.t, header.GetFields(), 1)
						require.Contains(v.t, header.GetFields(), "_tracer-data")
						continue
					}
					require.Equal(v.t, payload.Encoding, string(p.GetMetadata()[converter.MetadataEncoding]), "%s", event)
					require.Len(v.t, p.GetMetadata(), 2)
					used = append(used, string(p.GetMetadata()[payload.MetadataKeyID]))
				}
				return found, nil
			},
		})
		require.NoError(v.t, err)
		v.silent(event, c)
	}
	require.Positive(v.t, summaries, "no summary was met")
	slices.Sort(used)
	require.Equal(v.t, keys, slices.Compact(used))
}

// silent checks the bytes of an event, wherever in it they are.
func (v *vault) silent(event *historypb.HistoryEvent, c cases.Case) {
	v.t.Helper()
	event = proto.Clone(event).(*historypb.HistoryEvent)
	if started := event.GetWorkflowExecutionStartedEventAttributes(); started != nil {
		started.SearchAttributes = nil
	}
	if changed := event.GetUpsertWorkflowSearchAttributesEventAttributes(); changed != nil {
		changed.SearchAttributes = nil
	}
	raw, err := proto.Marshal(event)
	require.NoError(v.t, err)
	for _, word := range []string{c.OrderID, "order_id", "no_longer_wanted", "size_color_dislike", "tracking_number", jacket, `{"case_id`} {
		require.NotContains(v.t, string(raw), word, "%s", event)
	}
}

// started is the input of the workflow of a case, as the history has it.
func (v *vault) started(c cases.Case) *common.Payload {
	v.t.Helper()
	events := v.h.dial(v.t).GetWorkflowHistory(context.Background(), contract.CaseWorkflowID(v.merchant, c.CaseID), "", false,
		enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := events.Next()
	require.NoError(v.t, err)
	return first.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()[0]
}

// token is one for the codec server.
func (v *vault) token(merchant, role string, valid time.Duration) string {
	v.t.Helper()
	token, err := v.system.Token(access.Principal{Subject: "olga", MerchantID: merchant, Roles: []string{role}}, valid)
	require.NoError(v.t, err)
	return token
}

// opened has the codec server decrypt a payload for an operator, and checks what it is about.
func (v *vault) opened(t *testing.T, p *common.Payload, content string) {
	t.Helper()
	token := v.token(standalone.Operations, "operator", time.Minute)
	remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: v.system.CodecURL, ModifyRequest: func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-Namespace", namespace)
		r.Header.Set("Origin", v.system.UIURL)
		return nil
	}})
	opened, err := remote.Decode([]*common.Payload{p})
	require.NoError(t, err)
	require.Contains(t, string(opened[0].GetData()), content)
	require.NotContains(t, v.said.String(), token, "a token is in the log")
}

// readsOnly tries the codec server as everybody who might.
func (v *vault) readsOnly(t *testing.T, c cases.Case) {
	p := v.started(c)
	v.opened(t, p, c.CaseID)
	body, err := protojson.Marshal(&common.Payloads{Payloads: []*common.Payload{p}})
	require.NoError(t, err)
	operator := v.token(standalone.Operations, "operator", time.Minute)
	tests := map[string]struct {
		token, origin, namespace string
		status                   int
	}{
		"nobody":                      {"", v.system.UIURL, namespace, 401},
		"an operator of the merchant": {v.token(v.merchant, "operator", time.Minute), v.system.UIURL, namespace, 403},
		"an agent":                    {v.token(standalone.Operations, "agent", time.Minute), v.system.UIURL, namespace, 403},
		"an old token":                {v.token(standalone.Operations, "operator", -time.Minute), v.system.UIURL, namespace, 401},
		"another page":                {operator, "http://evil.example.com", namespace, 403},
		"another namespace":           {operator, v.system.UIURL, "default", 403},
		"an operator":                 {operator, v.system.UIURL, namespace, 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			who := &person{t: t, url: v.system.CodecURL, token: test.token}
			got := who.post("/decode", body, "Origin", test.origin, "X-Namespace", test.namespace)
			require.Equal(t, test.status, got.status, "%s", got.body)
			if test.status != http.StatusOK {
				require.Equal(t, "application/problem+json", mediaType(got.header))
				require.NotContains(t, string(got.body), c.CaseID)
			}
		})
	}
	settings := (&person{t: t, url: v.system.UIURL}).get("/api/v1/settings")
	var ui struct {
		Codec struct {
			Endpoint           string
			IncludeCredentials bool
		}
	}
	require.NoError(t, json.Unmarshal(settings.body, &ui))
	require.Equal(t, v.system.CodecURL, ui.Codec.Endpoint)
	require.True(t, ui.Codec.IncludeCredentials)
}

// approvedByHand is what the Temporal CLI does without a codec: its update is in plain JSON.
func (v *vault) approvedByHand(t *testing.T) {
	c := v.file(judged(v.sell("b4", once, uninsured)))
	update, err := v.h.dial(t).UpdateWorkflow(context.Background(), client.UpdateWorkflowOptions{
		WorkflowID: contract.CaseWorkflowID(v.merchant, c.CaseID), UpdateName: string(contract.ActionApprove),
		Args:         []any{contract.Approve{Envelope: contract.Envelope{Actor: contract.Actor{Role: contract.Agent, ID: "by-hand"}}}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(t, err)
	require.NoError(t, update.Get(context.Background(), nil))
	v.reaches(c.CaseID, cases.StageWaitingShipment)
}

// waits wakes a workflow whose history was encrypted with a key that is not there. It must neither end nor lose what it was
// told.
func (v *vault) waits(t *testing.T, c cases.Case) {
	id := contract.CaseWorkflowID(v.merchant, c.CaseID)
	keys, err := payload.ParseKeys(payloadKey(2))
	require.NoError(t, err)
	data, _ := payload.Converter(keys)
	event, err := data.ToPayload(contract.Event{EventID: "e1", Subject: "none"})
	require.NoError(t, err)
	temporal := v.h.dial(t)
	require.NoError(t, temporal.SignalWorkflow(context.Background(), id, "", contract.CarrierEvent, converter.NewRawValue(event)))
	eventually(t, "a task of the workflow has failed since", func() bool {
		kinds := histories(t, v.h)[id].kinds
		signalled := slices.Index(kinds, "WorkflowExecutionSignaled")
		return slices.Contains(kinds[max(0, signalled):], "WorkflowTaskFailed")
	})
	eventually(t, "the log says which key is missing", func() bool {
		return strings.Contains(v.said.String(), `encrypted with the key \"k1\": add this key to PAYLOAD_KEYS`)
	})
	described, err := temporal.DescribeWorkflowExecution(context.Background(), id, "")
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, described.GetWorkflowExecutionInfo().GetStatus())
}
