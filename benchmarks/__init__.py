"""What pages and bulk verbs cost, beside the bare SQL that they come down to."""
