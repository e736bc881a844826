package kuaidi100

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"aftercare.dev/services/logistics/domain"
)

func form(param, salt string) []byte {
	return []byte(url.Values{"taskId": {"T1"}, "param": {param}, "sign": {sign(param, salt)}}.Encode())
}

func TestEachOrderStatusMeansAState(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]domain.State{
		"0": domain.Booked, "1": domain.Accepted, "2": domain.Accepted, "610": domain.PickupFailed, "11": domain.PickupFailed,
		"9": domain.Cancelled, "99": domain.Cancelled, "10": domain.PickedUp, "101": domain.InTransit, "400": domain.OutForDelivery,
		"12": domain.Returned, "13": domain.Delivered, "14": domain.Exception, "200": "", "166": "",
	} {
		report, err := ParseCallback(form(`{"kuaidicom":"jd","kuaidinum":"JD1","status":"200","data":{"orderId":"O1","status":`+status+`}}`, "s"), "s", noon)
		if err != nil || report.Seen.State != want || report.Order.TaskID != "T1" || report.TrackingNumber != "JD1" {
			t.Errorf("status %s: %+v, %v, want %s", status, report, err, want)
		}
	}
}

func TestSettlementsAddUpAndCorrectionsReplace(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]domain.FreightKind{"15": domain.FreightAdds, "155": domain.FreightReplaces, "10": domain.NoFreight} {
		report, err := ParseCallback(form(`{"data":{"orderId":"O1","status":"`+status+`","freight":"8.5"}}`, "s"), "s", noon)
		if err != nil || report.Freight != want || (want != domain.NoFreight && report.FreightFen != 850) {
			t.Errorf("status %s: %+v, %v", status, report, err)
		}
	}
	if _, err := ParseCallback(form(`{"data":{"orderId":"O1","status":15,"freight":"a lot"}}`, "s"), "s", noon); !errors.Is(err, ErrMalformed) {
		t.Errorf("freight that is no amount: %v", err)
	}
}

func TestEachTrackingStateMeansAState(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	for state, want := range map[string]domain.State{
		"0": domain.InTransit, "1": domain.PickedUp, "2": domain.Exception, "3": domain.Delivered, "4": domain.Returned,
		"5": domain.OutForDelivery, "6": domain.Returning, "7": domain.InTransit, "8": domain.InTransit, "10": domain.InTransit,
		"11": domain.InTransit, "12": domain.InTransit, "13": domain.Exception, "14": domain.Refused,
	} {
		param := `{"status":"polling","message":"","lastResult":{"state":"` + state + `","nu":"YT1","com":"yuantong",
			"data":[{"time":"2026-11-23 10:00:00","context":"x"},{"time":"2026-11-22 10:00:00","context":"y"}]}}`
		report, err := ParseCallback(form(param, "s"), "s", noon)
		if err != nil || report.Seen.State != want || !report.Seen.At.Equal(at) {
			t.Errorf("state %s: %+v, %v, want %s", state, report.Seen, err, want)
		}
	}
}

func TestATrackWithoutScansSaysNothing(t *testing.T) {
	t.Parallel()
	report, err := ParseCallback(form(`{"status":"polling","lastResult":{"state":"0","nu":"YT1","com":"yuantong","data":[]}}`, "s"), "s", noon)
	if err != nil || report.Seen.State != "" {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestAnAbortMeansLostUnlessTheCarrierWasCorrected(t *testing.T) {
	t.Parallel()
	report, err := ParseCallback(form(`{"status":"abort","message":"3天查询无记录","autoCheck":"0","comNew":"","lastResult":{"state":"0","data":[]}}`, "s"), "s", noon)
	if err != nil || report.Seen.State != domain.Lost || !report.Seen.At.IsZero() {
		t.Errorf("no record: %+v, %v", report, err)
	}
	report, err = ParseCallback(form(`{"status":"abort","message":"60天无变化","lastResult":{"state":"2","nu":"YT1","data":[{"time":"2026-11-23 10:00:00","context":"x"}]}}`, "s"), "s", noon)
	if err != nil || report.Seen.State != domain.Lost || report.Seen.At.IsZero() {
		t.Errorf("unchanged: %+v, %v", report, err)
	}
	report, err = ParseCallback(form(`{"status":"abort","autoCheck":"0","comNew":"EMS"}`, "s"), "s", noon)
	if err != nil || report.Seen.State != "" || report.Carrier != "ems" {
		t.Errorf("corrected: %+v, %v", report, err)
	}
}

func TestForgedAndMalformedCallbacksAreToldApart(t *testing.T) {
	t.Parallel()
	good := `{"data":{"orderId":"O1","status":13}}`
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"signed with another salt": {form(good, "other"), ErrForged},
		"not signed":               {[]byte("taskId=T1&param=" + url.QueryEscape(good)), ErrForged},
		"empty":                    {nil, ErrForged},
		"no form":                  {[]byte("%zz"), ErrMalformed},
		"no JSON":                  {form("x", "s"), ErrMalformed},
		"neither order nor track":  {form(`{}`, "s"), ErrMalformed},
		"an order without task": {
			[]byte(url.Values{"param": {good}, "sign": {sign(good, "s")}}.Encode()), ErrMalformed,
		},
	} {
		if _, err := ParseCallback(c.body, "s", noon); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// FuzzParseCallback holds the promise that no body, however it is signed, makes the service panic or
// believe in an unknown state.
func FuzzParseCallback(f *testing.F) {
	for _, param := range []string{
		`{"kuaidicom":"jd","kuaidinum":"JD1","status":"200","data":{"orderId":"O1","status":10,"courierName":"李","freight":"8.50"}}`,
		`{"status":"polling","lastResult":{"state":"0","nu":"YT1","com":"yuantong","data":[{"time":"2026-11-23 10:00:00","context":"x"}]}}`,
		`{"status":"abort","comNew":"ems"}`, `{"data":{"status":15,"freight":1e9}}`, `[]`, `null`, `{"data":null}`,
	} {
		f.Add(param)
	}
	f.Fuzz(func(t *testing.T, param string) {
		report, err := ParseCallback(form(param, "s"), "s", noon)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrForged) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if report.Seen.State != "" && !report.Seen.State.Valid() {
			t.Fatalf("state %q", report.Seen.State)
		}
		if report.FreightFen < 0 || len(report.Order.TaskID) > 64 || len(report.Scans) > maxScans {
			t.Fatalf("out of bounds: %+v", report)
		}
	})
}
