package kuaidi100

import "testing"

// The signatures were computed with md5sum, not with this package.
func TestSignaturesAreThoseOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want  string
		parts []string
	}{
		"borderapi.do: param, t, key, secret": {
			"A60B2551256EE718B31BC2CDF8904337", []string{`{"taskId":"T1"}`, "1576123932000", "KEY", "SECRET"},
		},
		"query.do: param, key, customer": {
			"21D971A789B5067A9E338FE48E94B6FB", []string{`{"com":"yuantong","num":"12345678"}`, "KEY", "CUSTOMER"},
		},
		"callback: param, salt": {
			"2B24F115E7F9BE71418C58EBB5218735", []string{`{"status":"200","data":{"status":10}}`, "pepper"},
		},
		"text beyond ASCII is signed as UTF-8": {
			"52064BB31F69078C045120136821F529", []string{`{"a":"退货"}`, "盐"},
		},
	} {
		if got := sign(c.parts...); got != c.want {
			t.Errorf("%s: sign = %s, want %s", name, got, c.want)
		}
	}
}

func TestCallbacksAreBelievedOnlyWithOurSalt(t *testing.T) {
	t.Parallel()
	const param, good = `{"status":"200","data":{"status":10}}`, "2B24F115E7F9BE71418C58EBB5218735"
	for name, c := range map[string]struct {
		param, salt, signature string
		want                   bool
	}{
		"upper case":              {param, "pepper", good, true},
		"lower case":              {param, "pepper", "2b24f115e7f9be71418c58ebb5218735", true},
		"another salt":            {param, "salt", good, false},
		"another content":         {param + " ", "pepper", good, false},
		"no signature":            {param, "pepper", "", false},
		"a part of the signature": {param, "pepper", good[:31], false},
		"no salt of ours":         {param, "", sign(param), false},
	} {
		if got := signed(c.param, c.salt, c.signature); got != c.want {
			t.Errorf("%s: signed = %v, want %v", name, got, c.want)
		}
	}
}
