package payment

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// ReadJournal returns the refunds of a payment journal, each as it is in the end, by merchant and refund number. It is the
// truth about the money that moved.
func ReadJournal(journal io.Reader) (map[[2]string]Refund, error) {
	refunds := map[[2]string]Refund{}
	lines := bufio.NewScanner(journal)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Refund
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("read the payment journal: %w", err)
		}
		if r.Op == "refund" {
			refunds[[2]string{r.MchID, r.OutRefundNo}] = r
		}
	}
	return refunds, lines.Err()
}
