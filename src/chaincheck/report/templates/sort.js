document.querySelectorAll("th button").forEach(function (button, column) {
  button.addEventListener("click", function () {
    var head = button.parentElement, body = head.closest("table").tBodies[0];
    var up = head.getAttribute("aria-sort") !== "ascending";
    head.parentElement.querySelectorAll("th").forEach(function (other) { other.setAttribute("aria-sort", "none"); });
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    var key = function (row) { var cell = row.cells[column]; return cell.dataset.sort === undefined ? cell.textContent : cell.dataset.sort; };
    Array.from(body.rows).sort(function (one, other) {
      var a = key(one), b = key(other), numeric = a !== "" && b !== "" && !isNaN(a) && !isNaN(b);
      var order = numeric ? a - b : a.localeCompare(b);
      return up ? order : -order;
    }).forEach(function (row) { body.appendChild(row); });
  });
});
