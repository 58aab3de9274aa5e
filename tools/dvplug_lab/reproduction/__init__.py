"""Tables and figures of the paper, the post and the product page, measured anew; and the page that shows them."""
