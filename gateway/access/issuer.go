package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Issuer is an issuer of OpenID Connect whose tokens are taken, as the setting OIDC_ISSUERS describes it.
type Issuer struct {
	// URL is the issuer as its tokens name it, letter by letter. Below it is its description,
	// /.well-known/openid-configuration.
	URL string `json:"issuer"`
	// Audience is what tokens must be for.
	Audience string `json:"audience"`
	// MerchantID makes every token of the issuer one of this merchant, whatever it claims: for an issuer that is one
	// merchant's own. Without it the claim tells, so that the issuer is trusted for all merchants.
	MerchantID string `json:"merchant_id"`
	// Claims are where a token has what is needed.
	Claims Claims `json:"claims"`
	// Roles are the roles here by what the issuer calls them; one that is not in it counts for nothing. Empty means that the
	// issuer uses our names.
	Roles map[string]string `json:"roles"`
}

// Claims are names of claims; one within another is written with a dot, as in realm_access.roles.
type Claims struct {
	// Subject is sub by default, MerchantID merchant_id, and Roles roles, which may be a list or a text with blanks.
	Subject    string `json:"subject"`
	MerchantID string `json:"merchant_id"`
	Roles      string `json:"roles"`
}

// parseIssuers reads the setting, or the file that it names. Unknown members are refused, since a mistyped one may open a
// door.
func parseIssuers(source string) ([]Issuer, error) {
	text := []byte(source)
	if !strings.HasPrefix(strings.TrimSpace(source), "[") {
		var err error
		if text, err = os.ReadFile(source); err != nil {
			return nil, fmt.Errorf("it is neither a JSON list nor a file that can be read: %w", err)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var issuers []Issuer
	if err := decoder.Decode(&issuers); err != nil {
		return nil, fmt.Errorf(`expected a list such as [{"issuer":"https://login.example.com","audience":"aftercare"}]: %w`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || len(issuers) == 0 {
		return nil, errors.New("expected one JSON list with an issuer or more")
	}
	for i := range issuers {
		if err := issuers[i].complete(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(issuers[:i], func(before Issuer) bool { return before.URL == issuers[i].URL }) {
			return nil, fmt.Errorf("the issuer %s is named twice", issuers[i].URL)
		}
	}
	return issuers, nil
}

// complete checks an issuer and fills in what is the same everywhere.
func (i *Issuer) complete() error {
	if !reachableSafely(i.URL) {
		return fmt.Errorf("the issuer %q is no https address, and so nobody could trust its keys", i.URL)
	}
	if i.Audience == "" {
		return fmt.Errorf("the issuer %s has no audience: tokens that it made for others would be taken", i.URL)
	}
	if i.MerchantID != "" && !id.MatchString(i.MerchantID) {
		return fmt.Errorf("the merchant_id of the issuer %s must be an id of at most 64 letters, digits and _.:-", i.URL)
	}
	for theirs, ours := range i.Roles {
		if len(rolesOf([]string{ours})) == 0 {
			return fmt.Errorf("the issuer %s maps %q to the role %q, which is none of %s", i.URL, theirs, ours, strings.Join(roleNames(), ", "))
		}
	}
	for _, claim := range []struct {
		name     *string
		standard string
	}{{&i.Claims.Subject, "sub"}, {&i.Claims.MerchantID, "merchant_id"}, {&i.Claims.Roles, "roles"}} {
		if *claim.name == "" {
			*claim.name = claim.standard
		}
	}
	return nil
}

// reachableSafely tells whether what comes from the address is what its owner sent: by TLS, or from this very machine.
func reachableSafely(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// principal reads who a token is for out of its claims, whose signature and validity have been checked.
func (i *Issuer) principal(claims map[string]any) Principal {
	p := Principal{MerchantID: i.MerchantID}
	p.Subject, _ = claimOf(claims, i.Claims.Subject).(string)
	if p.MerchantID == "" {
		p.MerchantID, _ = claimOf(claims, i.Claims.MerchantID).(string)
	}
	var names []string
	switch given := claimOf(claims, i.Claims.Roles).(type) {
	case string:
		names = strings.Fields(given)
	case []any:
		for _, name := range given {
			if text, ok := name.(string); ok {
				names = append(names, text)
			}
		}
	}
	if len(i.Roles) == 0 {
		p.Roles = rolesOf(names)
		return p
	}
	for _, name := range names {
		if role, known := i.Roles[name]; known {
			p.Roles = append(p.Roles, role)
		}
	}
	return p
}

// claimOf finds a claim by its name, or by the names on the way to it. A name that has dots itself, such as a URL, wins.
func claimOf(claims map[string]any, name string) any {
	if found, ok := claims[name]; ok {
		return found
	}
	outer, rest, nested := strings.Cut(name, ".")
	if within, ok := claims[outer].(map[string]any); ok && nested {
		return claimOf(within, rest)
	}
	return nil
}

// rolesOf are those of the names that are roles here.
func rolesOf(names []string) []string {
	known := roleNames()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !slices.Contains(known, name) })
}

func roleNames() []string {
	all := make([]string, len(byReach))
	for i, role := range byReach {
		all[i] = string(role)
	}
	return all
}
