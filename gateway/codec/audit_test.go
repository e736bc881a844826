package codec_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"aftercare.dev/gateway/access"
)

// audits are the audit records of the log.
func (w *world) audits() []map[string]any {
	var records []map[string]any
	for line := range strings.Lines(w.log.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			w.t.Fatal(err)
		}
		if record["msg"] == "audit" {
			records = append(records, record)
		}
	}
	return records
}

func TestItIsWrittenDownWhoReadAndNotWhat(t *testing.T) {
	w := newWorld(t)
	token := w.operator()
	other := w.token(access.Principal{Subject: "shop", MerchantID: "m1", Roles: []string{"operator"}}, 0)
	w.ask("POST", "/decode", sealed(t, 1), "Authorization", "Bearer "+token, "X-Request-Id", "r1")
	w.ask("POST", "/encode", `{"payloads":[{"data":"c2VjcmV0aXZl"},{}]}`, "Authorization", "Bearer "+token)
	w.ask("POST", "/decode", sealed(t, 1), "Authorization", "Bearer "+other)
	w.ask("POST", "/decode", sealed(t, 3), "Authorization", "Bearer "+token)
	w.ask("POST", "/decode", sealed(t, 1))
	w.ask("POST", "/session", `{"token":"`+token+`"}`, "Origin", own)
	w.ask("POST", "/session", `{"token":"`+token+`x"}`, "Origin", own)
	w.ask("POST", "/decode", sealed(t, 1), "Cookie", "aftercare-codec="+token, "Origin", ui)

	var got []string
	for _, r := range w.audits() {
		fields := []string{}
		for _, name := range []string{"operation", "subject", "role", "by", "outcome"} {
			fields = append(fields, r[name].(string))
		}
		got = append(got, strings.Join(fields, " ")+" "+string('0'+rune(r["payloads"].(float64))))
	}
	want := []string{
		"decode olga operator token done 1",
		"encode olga operator token done 2",
		"decode shop  token forbidden 0",
		"decode olga operator token unreadable_payload 1",
		"decode    unauthorized 0",
		"sign_in olga operator token done 0",
		"decode olga operator session done 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if w.audits()[0]["request_id"] != "r1" {
		t.Errorf("is not found by the id of the request: %v", w.audits()[0])
	}
	log := w.log.String()
	for name, secret := range map[string]string{
		"a payload": "secretive", "a payload in base64": "c2VjcmV0aXZl", "a token": token[len(token)-20:], "a claim": strings.Split(token, ".")[1],
		"a key": secret(1), "a key with its id": "k1:",
	} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log", name)
		}
	}
}
