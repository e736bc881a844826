package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteJSON writes all that was measured. It fails for a number that JSON does not have: a ratio of nothing.
func WriteJSON(w io.Writer, r Result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write the result of the benchmark: %w", err)
	}
	return nil
}

// ReadJSON reads what [WriteJSON] wrote. It refuses fields that it does not know, which a result of another version has:
// half of it would be told as if it were the whole.
func ReadJSON(r io.Reader) (Result, error) {
	var result Result
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&result); err != nil {
		return Result{}, fmt.Errorf("read the result of a benchmark: %w", err)
	}
	return result, nil
}
