// Package wording says what happened, and which rules fired, in the language of the reader: English
// or Chinese. What is stored has codes and facts only; sentences are made whenever they are read.
package wording

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"aftercare.dev/services/cases/domain"
)

var (
	//go:embed sentences/*.json
	sentences embed.FS
	//go:embed problems/*.json
	problems embed.FS
)

var chinese = language.MustParse("zh-CN")

// Problems is the catalog of titles of this service's problems, for the HTTP server.
func Problems() fs.FS {
	sub, err := fs.Sub(problems, "problems")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}

// Catalog has all sentences. It is safe for concurrent use.
type Catalog struct {
	matcher          language.Matcher
	english, chinese *Voice
}

// New reads the embedded catalog; it fails only if that is wrong in itself.
func New() (*Catalog, error) {
	bundle := i18n.NewBundle(language.English)
	for _, tag := range []language.Tag{language.English, chinese} {
		messages, err := read(tag)
		if err != nil {
			return nil, fmt.Errorf("read the sentences in %s: %w", tag, err)
		}
		for id, text := range messages {
			if err := bundle.AddMessages(tag, &i18n.Message{ID: id, Other: text}); err != nil {
				return nil, fmt.Errorf("sentence %s in %s: %w", id, tag, err)
			}
		}
	}
	return &Catalog{
		matcher: language.NewMatcher([]language.Tag{language.English, chinese}),
		english: &Voice{localizer: i18n.NewLocalizer(bundle, language.English.String())},
		chinese: &Voice{localizer: i18n.NewLocalizer(bundle, chinese.String()), chinese: true},
	}, nil
}

func read(tag language.Tag) (map[string]string, error) {
	data, err := sentences.ReadFile("sentences/" + tag.String() + ".json")
	if err != nil {
		return nil, err
	}
	messages := map[string]string{}
	return messages, json.Unmarshal(data, &messages)
}

// In returns the voice for a reader whose request had this header Accept-Language. Without a language
// that the catalog has, it is English.
func (c *Catalog) In(acceptLanguage string) *Voice {
	wanted, _, _ := language.ParseAcceptLanguage(acceptLanguage) // what is malformed asks for nothing
	if _, index, confidence := c.matcher.Match(wanted...); index == 1 && confidence != language.No {
		return c.chinese
	}
	return c.english
}

// Voice speaks one language. It is safe for concurrent use.
type Voice struct {
	localizer *i18n.Localizer
	chinese   bool
}

// Title says what an entry of the timeline means. An unknown type is its own words. Amounts in data
// are objects with amount and currency.
func (v *Voice) Title(entryType, role string, data map[string]any) string {
	params := make(map[string]any, len(data)+1)
	maps.Copy(params, data)
	for key, value := range data {
		if text, is := v.amountOf(value); is {
			params[key] = text
		}
	}
	params["role"] = role
	if text, err := v.say("entry."+entryType, params); err == nil {
		return text
	}
	return words(entryType)
}

// Rule says why a rule fired.
func (v *Voice) Rule(rule domain.Rule) string {
	params := map[string]any{
		"days":     rule.Params.Days,
		"until":    string(rule.Params.Until),
		"category": rule.Params.Category,
		"group":    v.group(rule.Params.Group),
	}
	if rule.Params.Amount != nil {
		params["amount"] = v.Amount(*rule.Params.Amount)
	}
	if text, err := v.say("rule."+rule.RuleID+"."+string(rule.Effect), params); err == nil {
		return text
	}
	return rule.RuleID
}

func (v *Voice) say(id string, params map[string]any) (string, error) {
	return v.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: params})
}

func (v *Voice) group(group domain.ReasonGroup) string {
	info, known := group.Info()
	switch {
	case !known:
		return string(group)
	case v.chinese:
		return info.Name.Chinese
	}
	return strings.ToLower(info.Name.English)
}

// words turns "goods.put_away" into "Goods put away".
func words(code string) string {
	text := strings.NewReplacer(".", " ", "_", " ").Replace(code)
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
